import { InternetGateway } from '@cdktf/provider-aws/lib/internet-gateway';
import { Route } from '@cdktf/provider-aws/lib/route';
import { RouteTable } from '@cdktf/provider-aws/lib/route-table';
import { RouteTableAssociation } from '@cdktf/provider-aws/lib/route-table-association';
import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group';
import { Subnet } from '@cdktf/provider-aws/lib/subnet';
import { Vpc } from '@cdktf/provider-aws/lib/vpc';
import { VpcEndpoint } from '@cdktf/provider-aws/lib/vpc-endpoint';
import { VpcSecurityGroupEgressRule } from '@cdktf/provider-aws/lib/vpc-security-group-egress-rule';
import { Construct } from 'constructs';

export interface NetworkProps {
  readonly pipeline: string;
  readonly region: string;
  /** An IPv4 network, /16 to /28. */
  readonly cidr: string;
  /** @default the one that AWS chooses */
  readonly availabilityZone?: string | undefined;
}

/**
 * The instance's own small network: it reaches out (Systems Manager, package sources), nothing reaches in. A public
 * address that only exists while the instance runs costs less than a NAT gateway that always does.
 */
export class Network extends Construct {
  readonly subnetId: string;
  readonly securityGroupId: string;
  /** The way out. A machine that boots before it is there may long stay out of Systems Manager's reach. */
  readonly ready: Route;

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id);
    const tags = { Name: props.pipeline };
    const vpc = new Vpc(this, 'vpc', {
      cidrBlock: props.cidr,
      enableDnsSupport: true,
      tags,
    });
    const subnet = new Subnet(this, 'subnet', {
      vpcId: vpc.id,
      cidrBlock: props.cidr,
      mapPublicIpOnLaunch: true,
      ...(props.availabilityZone === undefined ? {} : { availabilityZone: props.availabilityZone }),
      tags,
    });
    const gateway = new InternetGateway(this, 'gateway', { vpcId: vpc.id, tags });
    const routes = new RouteTable(this, 'routes', { vpcId: vpc.id, tags });
    this.ready = new Route(this, 'way-out', {
      routeTableId: routes.id,
      destinationCidrBlock: '0.0.0.0/0',
      gatewayId: gateway.id,
    });
    new RouteTableAssociation(this, 'association', { routeTableId: routes.id, subnetId: subnet.id });
    // Free of charge, and data stays inside AWS's network.
    new VpcEndpoint(this, 's3', {
      vpcId: vpc.id,
      serviceName: `com.amazonaws.${props.region}.s3`,
      vpcEndpointType: 'Gateway',
      routeTableIds: [routes.id],
      tags,
    });
    const group = new SecurityGroup(this, 'security-group', {
      namePrefix: `${props.pipeline}-`,
      description: 'The instance of a Lamplighter pipeline: everything out, nothing in',
      vpcId: vpc.id,
      tags,
      lifecycle: { createBeforeDestroy: true },
    });
    new VpcSecurityGroupEgressRule(this, 'out', {
      securityGroupId: group.id,
      description: 'Systems Manager, S3, package sources',
      ipProtocol: '-1',
      cidrIpv4: '0.0.0.0/0',
      tags,
    });
    this.subnetId = subnet.id;
    this.securityGroupId = group.id;
  }
}

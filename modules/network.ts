import { InternetGateway } from '@cdktf/provider-aws/lib/internet-gateway';
import { Route } from '@cdktf/provider-aws/lib/route';
import { RouteTable } from '@cdktf/provider-aws/lib/route-table';
import { RouteTableAssociation } from '@cdktf/provider-aws/lib/route-table-association';
import { Subnet } from '@cdktf/provider-aws/lib/subnet';
import { Vpc } from '@cdktf/provider-aws/lib/vpc';
import { VpcEndpoint } from '@cdktf/provider-aws/lib/vpc-endpoint';
import type { ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import { outboundOnly } from './instance-security-group';
import { PrivateEndpoints } from './private-endpoints';

/** Where an instance is put. */
export interface Place {
  readonly subnetId: string;
  readonly securityGroupId: string;
  /** The way out. A machine that boots before it is there may long stay out of Systems Manager's reach. */
  readonly ready: readonly ITerraformDependable[];
}

export interface NetworkProps {
  readonly pipeline: string;
  readonly region: string;
  /** An IPv4 network, /16 to /28. */
  readonly cidr: string;
  /** @default the one that AWS chooses */
  readonly availabilityZone?: string | undefined;
  /** No way to the internet; these services of AWS are reached, and S3. @default a way to the internet */
  readonly privateEndpoints?: readonly string[] | undefined;
}

/**
 * The instance's own small network: it reaches out (Systems Manager, package sources), nothing reaches in. A public
 * address that only exists while the instance runs costs less than a NAT gateway, or endpoints, that always do.
 */
export class Network extends Construct implements Place {
  readonly subnetId: string;
  readonly securityGroupId: string;
  readonly ready: readonly ITerraformDependable[];

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id);
    const { privateEndpoints } = props;
    const tags = { Name: props.pipeline };
    const vpc = new Vpc(this, 'vpc', {
      cidrBlock: props.cidr,
      enableDnsSupport: true,
      // The endpoints' own names stand for the services' only where this is set.
      ...(privateEndpoints === undefined ? {} : { enableDnsHostnames: true }),
      tags,
    });
    const subnet = new Subnet(this, 'subnet', {
      vpcId: vpc.id,
      cidrBlock: props.cidr,
      mapPublicIpOnLaunch: privateEndpoints === undefined,
      ...(props.availabilityZone === undefined ? {} : { availabilityZone: props.availabilityZone }),
      tags,
    });
    const routes = new RouteTable(this, 'routes', { vpcId: vpc.id, tags });
    new RouteTableAssociation(this, 'association', { routeTableId: routes.id, subnetId: subnet.id });
    // Free of charge, and data stays inside AWS's network. Amazon Linux's package source is in S3, too.
    const s3 = new VpcEndpoint(this, 's3', {
      vpcId: vpc.id,
      serviceName: `com.amazonaws.${props.region}.s3`,
      vpcEndpointType: 'Gateway',
      routeTableIds: [routes.id],
      tags,
    });
    const { securityGroupId } = outboundOnly(this, { pipeline: props.pipeline, vpcId: vpc.id });
    this.subnetId = subnet.id;
    this.securityGroupId = securityGroupId;
    this.ready =
      privateEndpoints === undefined
        ? [this.wayOut(vpc, routes, tags)]
        : [
            s3,
            ...new PrivateEndpoints(this, 'private', {
              ...props,
              vpcId: vpc.id,
              subnetId: subnet.id,
              securityGroupId,
              services: privateEndpoints,
            }).endpoints,
          ];
  }

  private wayOut(vpc: Vpc, routes: RouteTable, tags: Record<string, string>): Route {
    const gateway = new InternetGateway(this, 'gateway', { vpcId: vpc.id, tags });
    return new Route(this, 'way-out', {
      routeTableId: routes.id,
      destinationCidrBlock: '0.0.0.0/0',
      gatewayId: gateway.id,
    });
  }
}

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

/** The network that an instance is in. */
export interface InstanceNetwork {
  readonly subnetId: string;
  readonly securityGroupId: string;
  /** The route out. If a machine boots before the route exists, its agent may take long to reach Systems Manager. */
  readonly ready: readonly ITerraformDependable[];
}

export interface NetworkProps {
  readonly pipeline: string;
  readonly region: string;
  /** An IPv4 network, /16 to /28. */
  readonly cidr: string;
  /** @default the one that AWS chooses */
  readonly availabilityZone?: string | undefined;
  /** The AWS services that the network reaches besides S3, instead of the internet. @default the internet */
  readonly privateEndpoints?: readonly string[] | undefined;
}

/**
 * A small network for the instance alone. The instance connects to Systems Manager and package sources; nothing connects to
 * the instance. Its public address costs money only while the instance runs. A NAT gateway or endpoints cost money always.
 */
export class Network extends Construct implements InstanceNetwork {
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
      // Without this the services' names do not resolve to the endpoints.
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
    // This endpoint is free of charge and keeps data inside AWS's network. Amazon Linux's packages are in S3, too.
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
        ? [this.internetRoute(vpc, routes, tags)]
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

  private internetRoute(vpc: Vpc, routes: RouteTable, tags: Record<string, string>): Route {
    const gateway = new InternetGateway(this, 'gateway', { vpcId: vpc.id, tags });
    return new Route(this, 'way-out', {
      routeTableId: routes.id,
      destinationCidrBlock: '0.0.0.0/0',
      gatewayId: gateway.id,
    });
  }
}

import { DataAwsSubnet } from '@cdktf/provider-aws/lib/data-aws-subnet';
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
import { privateEndpoints } from './private-endpoints';
import type { PipelineSettings } from './settings';

/** The network that an instance is in. */
export interface InstanceNetwork {
  readonly subnetId: string;
  readonly securityGroupId: string;
  /**
   * The way out, with all that it is made of. If the first call of a boot fails, the SSM agent sleeps for five minutes:
   * aws/amazon-ssm-agent, core/app/credentialrefresher, getEC2DefaultSSMSleepDuration.
   */
  readonly ready: readonly ITerraformDependable[];
}

export interface ExistingNetworkProps {
  readonly pipeline: string;
  readonly vpcId: string;
  readonly subnetId: string;
}

/** A subnet that the user manages. Lamplighter adds only the instance's security group. */
export function existingNetwork(
  scope: Construct,
  { pipeline, vpcId, subnetId }: ExistingNetworkProps,
): InstanceNetwork {
  const subnet = new DataAwsSubnet(scope, 'subnet', {
    id: subnetId,
    lifecycle: {
      postcondition: [
        {
          condition: `\${self.vpc_id == "${vpcId}"}`,
          errorMessage:
            `The setting subnetIds of ${pipeline} begins with ${subnetId}, which is in \${self.vpc_id}; ` +
            `allowed is a subnet of ${vpcId}, which is the setting vpcId.`,
        },
      ],
    },
  });
  const { group, rule } = outboundOnly(scope, { pipeline, vpcId });
  return { subnetId: subnet.id, securityGroupId: group.id, ready: [rule] };
}

export type OwnNetworkSettings = Pick<
  PipelineSettings,
  'name' | 'region' | 'networkCidr' | 'availabilityZone' | 'privateNetwork' | 'privateEndpoints'
>;

/**
 * A small network for the instance alone. The instance connects to Systems Manager and package sources; nothing connects to
 * the instance. Its public address costs money only while the instance runs. A NAT gateway or endpoints cost money always.
 */
export function ownNetwork(scope: Construct, settings: OwnNetworkSettings): InstanceNetwork {
  const { name: pipeline, region, networkCidr: cidrBlock, availabilityZone, privateNetwork } = settings;
  const tags = { Name: pipeline };
  const vpc = new Vpc(scope, 'vpc', {
    cidrBlock,
    enableDnsSupport: true,
    // Without this the services' names do not resolve to the endpoints.
    ...(privateNetwork && { enableDnsHostnames: true }),
    tags,
  });
  const subnet = new Subnet(scope, 'subnet', {
    vpcId: vpc.id,
    cidrBlock,
    mapPublicIpOnLaunch: !privateNetwork,
    ...(availabilityZone !== undefined && { availabilityZone }),
    tags,
  });
  const routes = new RouteTable(scope, 'routes', { vpcId: vpc.id, tags });
  const association = new RouteTableAssociation(scope, 'association', {
    routeTableId: routes.id,
    subnetId: subnet.id,
  });
  // This endpoint is free of charge and keeps data inside AWS's network. Amazon Linux's packages are in S3, too.
  const s3 = new VpcEndpoint(scope, 's3', {
    vpcId: vpc.id,
    serviceName: `com.amazonaws.${region}.s3`,
    vpcEndpointType: 'Gateway',
    routeTableIds: [routes.id],
    tags,
  });
  const { group, rule } = outboundOnly(scope, { pipeline, vpcId: vpc.id });
  const network = { vpcId: vpc.id, subnetId: subnet.id, securityGroupId: group.id };
  const way = privateNetwork
    ? [s3, ...privateEndpoints(new Construct(scope, 'private'), settings, network)]
    : [internetRoute(scope, vpc, routes, tags)];
  return { ...network, ready: [association, rule, ...way] };
}

function internetRoute(scope: Construct, vpc: Vpc, routes: RouteTable, tags: Record<string, string>): Route {
  const gateway = new InternetGateway(scope, 'gateway', { vpcId: vpc.id, tags });
  return new Route(scope, 'way-out', {
    routeTableId: routes.id,
    destinationCidrBlock: '0.0.0.0/0',
    gatewayId: gateway.id,
  });
}

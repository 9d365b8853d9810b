import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group';
import { VpcEndpoint } from '@cdktf/provider-aws/lib/vpc-endpoint';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule';
import type { ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import type { PipelineSettings } from './settings';

/**
 * Interface endpoints of AWS's services, for a subnet without internet. Each costs money by the hour, used or not.
 * Returns the resources that an instance needs before it boots.
 * @param network `securityGroupId`: the security group whose members may use the endpoints
 */
export function privateEndpoints(
  scope: Construct,
  {
    name,
    region,
    privateEndpoints: services,
  }: Pick<PipelineSettings, 'name' | 'region' | 'privateEndpoints'>,
  network: { readonly vpcId: string; readonly subnetId: string; readonly securityGroupId: string },
): ITerraformDependable[] {
  const tags = { Name: name };
  const { vpcId, subnetId, securityGroupId } = network;
  const group = new SecurityGroup(scope, 'security-group', {
    namePrefix: `${name}-endpoints-`,
    description: 'The endpoints of a Lamplighter pipeline: HTTPS from its instance',
    vpcId,
    tags,
    lifecycle: { createBeforeDestroy: true },
  });
  const rule = new VpcSecurityGroupIngressRule(scope, 'in', {
    securityGroupId: group.id,
    ipProtocol: 'tcp',
    fromPort: 443,
    toPort: 443,
    referencedSecurityGroupId: securityGroupId,
    tags,
  });
  const endpoints = services.map(
    (service) =>
      new VpcEndpoint(new Construct(scope, service.replaceAll('.', '-')), 'endpoint', {
        vpcId,
        serviceName: `com.amazonaws.${region}.${service}`,
        vpcEndpointType: 'Interface',
        privateDnsEnabled: true,
        subnetIds: [subnetId],
        securityGroupIds: [group.id],
        tags: { Name: `${name}-${service}` },
      }),
  );
  return [rule, ...endpoints];
}

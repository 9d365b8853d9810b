import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group';
import { VpcSecurityGroupEgressRule } from '@cdktf/provider-aws/lib/vpc-security-group-egress-rule';
import type { Construct } from 'constructs';

/** Makes the instance's security group in its caller's scope: all connections out, none in. */
export function outboundOnly(
  scope: Construct,
  { pipeline, vpcId }: { readonly pipeline: string; readonly vpcId: string },
): { readonly group: SecurityGroup; readonly rule: VpcSecurityGroupEgressRule } {
  const tags = { Name: pipeline };
  const group = new SecurityGroup(scope, 'security-group', {
    namePrefix: `${pipeline}-`,
    description: 'The instance of a Lamplighter pipeline: everything out, nothing in',
    vpcId,
    tags,
    lifecycle: { createBeforeDestroy: true },
  });
  const rule = new VpcSecurityGroupEgressRule(scope, 'out', {
    securityGroupId: group.id,
    description: 'Systems Manager, S3, package sources',
    ipProtocol: '-1',
    cidrIpv4: '0.0.0.0/0',
    tags,
  });
  return { group, rule };
}

import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group';
import { VpcEndpoint } from '@cdktf/provider-aws/lib/vpc-endpoint';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule';
import { Construct } from 'constructs';

export interface PrivateEndpointsProps {
  readonly pipeline: string;
  readonly region: string;
  readonly vpcId: string;
  readonly subnetId: string;
  /** The security group whose members may use the endpoints. */
  readonly securityGroupId: string;
  /** AWS's names of the services, for example ssm and logs. */
  readonly services: readonly string[];
}

/** Interface endpoints of AWS's services, for a subnet without internet. Each costs money by the hour, used or not. */
export class PrivateEndpoints extends Construct {
  readonly endpoints: readonly VpcEndpoint[];

  constructor(scope: Construct, id: string, props: PrivateEndpointsProps) {
    super(scope, id);
    const tags = { Name: props.pipeline };
    const group = new SecurityGroup(this, 'security-group', {
      namePrefix: `${props.pipeline}-endpoints-`,
      description: 'The endpoints of a Lamplighter pipeline: HTTPS from its instance',
      vpcId: props.vpcId,
      tags,
      lifecycle: { createBeforeDestroy: true },
    });
    new VpcSecurityGroupIngressRule(this, 'in', {
      securityGroupId: group.id,
      ipProtocol: 'tcp',
      fromPort: 443,
      toPort: 443,
      referencedSecurityGroupId: props.securityGroupId,
      tags,
    });
    this.endpoints = props.services.map(
      (service) =>
        new VpcEndpoint(new Construct(this, service.replaceAll('.', '-')), 'endpoint', {
          vpcId: props.vpcId,
          serviceName: `com.amazonaws.${props.region}.${service}`,
          vpcEndpointType: 'Interface',
          privateDnsEnabled: true,
          subnetIds: [props.subnetId],
          securityGroupIds: [group.id],
          tags: { Name: `${props.pipeline}-${service}` },
        }),
    );
  }
}

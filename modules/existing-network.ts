import { DataAwsSubnet } from '@cdktf/provider-aws/lib/data-aws-subnet';
import type { ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import { outboundOnly } from './instance-security-group';
import type { InstanceNetwork } from './network';

export interface ExistingNetworkProps {
  readonly pipeline: string;
  readonly vpcId: string;
  readonly subnetId: string;
}

/** A subnet that the user manages. Lamplighter adds only the instance's security group. */
export class ExistingNetwork extends Construct implements InstanceNetwork {
  readonly subnetId: string;
  readonly securityGroupId: string;
  readonly ready: readonly ITerraformDependable[];

  constructor(scope: Construct, id: string, { pipeline, vpcId, subnetId }: ExistingNetworkProps) {
    super(scope, id);
    const subnet = new DataAwsSubnet(this, 'subnet', {
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
    const group = outboundOnly(this, { pipeline, vpcId });
    this.subnetId = subnet.id;
    this.securityGroupId = group.securityGroupId;
    this.ready = [group.rule];
  }
}

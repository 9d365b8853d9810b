import { DataAwsSsmParameter } from '@cdktf/provider-aws/lib/data-aws-ssm-parameter';
import { IamInstanceProfile } from '@cdktf/provider-aws/lib/iam-instance-profile';
import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import { Instance } from '@cdktf/provider-aws/lib/instance';
import { Construct } from 'constructs';
import type { Network } from './network';
import { assumableBy, policy, type Statement } from './permissions';
import type { Architecture } from './settings';

export interface PipelineInstanceProps {
  readonly pipeline: string;
  readonly instanceType: string;
  readonly architecture: Architecture;
  readonly diskGiB: number;
  readonly network: Network;
  /** What its role may do. */
  readonly permissions: readonly Statement[];
}

/** Written while the pipeline runs, by functions and people; Terraform must neither show nor remove them. */
const RUN_TIME_TAGS = ['lamplighter:phase', 'lamplighter:hold', 'lamplighter:pause'];

/** The machine that runs the models. Nobody logs in: no key pair, no inbound rule, a shell is Session Manager's. */
export class PipelineInstance extends Construct {
  readonly instanceId: string;
  readonly arn: string;

  constructor(scope: Construct, id: string, props: PipelineInstanceProps) {
    super(scope, id);
    const role = new IamRole(this, 'role', {
      name: `${props.pipeline}-instance`,
      assumeRolePolicy: assumableBy('ec2.amazonaws.com'),
    });
    const permissions = new IamRolePolicy(this, 'permissions', {
      name: 'permissions',
      role: role.name,
      policy: policy(props.permissions),
    });
    const profile = new IamInstanceProfile(this, 'profile', {
      name: `${props.pipeline}-instance`,
      role: role.name,
    });
    const image = new DataAwsSsmParameter(this, 'image', {
      name: `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${props.architecture}`,
    });
    const instance = new Instance(this, 'machine', {
      ami: image.insecureValue,
      instanceType: props.instanceType,
      subnetId: props.network.subnetId,
      vpcSecurityGroupIds: [props.network.securityGroupId],
      iamInstanceProfile: profile.name,
      // The subnet gives it a public address. Said here, it would be a difference, and a replacement, whenever it is stopped.
      monitoring: false,
      instanceInitiatedShutdownBehavior: 'stop',
      metadataOptions: {
        httpEndpoint: 'enabled',
        httpTokens: 'required',
        httpPutResponseHopLimit: 1,
        instanceMetadataTags: 'enabled',
      },
      rootBlockDevice: {
        encrypted: true,
        volumeType: 'gp3',
        volumeSize: props.diskGiB,
        deleteOnTermination: true,
      },
      tags: { Name: props.pipeline, 'lamplighter:pipeline': props.pipeline },
      lifecycle: {
        ignoreChanges: [
          // A newer image must not replace the machine. To renew it: terraform apply -replace=aws_instance.instance
          'ami',
          ...RUN_TIME_TAGS.flatMap((tag) => [`tags["${tag}"]`, `tags_all["${tag}"]`]),
        ],
      },
      dependsOn: [permissions, props.network.ready],
    });
    this.instanceId = instance.id;
    this.arn = instance.arn;
  }
}

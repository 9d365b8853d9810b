import { IamInstanceProfile } from '@cdktf/provider-aws/lib/iam-instance-profile';
import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import { Instance } from '@cdktf/provider-aws/lib/instance';
import { Annotations } from 'cdktf';
import { Construct } from 'constructs';
import { imageId } from './image';
import type { InstanceNetwork } from './network';
import { assumableBy, policy, type Statement } from './permissions';
import type { PipelineSettings } from './settings';
import { hasNvidiaGpu, type Architecture } from './settings/machine';

export interface PipelineInstanceProps {
  readonly pipeline: string;
  readonly instanceType: string;
  readonly architecture: Architecture;
  readonly diskGiB: number;
  /** @default Amazon Linux 2023 */
  readonly image?: PipelineSettings['image'] | undefined;
  /** Whether it is a spot instance, which EC2 may stop and start at any time. */
  readonly spot: boolean;
  /** @default the account's default key for EBS */
  readonly diskKmsKeyArn?: string | undefined;
  readonly network: InstanceNetwork;
  /** The role's permissions. */
  readonly permissions: readonly Statement[];
}

/** Tags that functions and people write at run time. Terraform must neither show nor remove them. */
const RUN_TIME_TAGS = ['lamplighter:phase', 'lamplighter:hold', 'lamplighter:pause'];

/** Only with a persistent request can a spot instance be stopped and started, and its disk survives an interruption. */
const persistentSpot = {
  marketType: 'spot',
  spotOptions: { spotInstanceType: 'persistent', instanceInterruptionBehavior: 'stop' },
};

/** The machine that runs the models. It has no key pair and no inbound rule; Session Manager provides a shell. */
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
    if (props.image === undefined && hasNvidiaGpu(props.instanceType)) {
      Annotations.of(this).addWarning(
        `${props.pipeline}: ${props.instanceType} has a GPU, but Amazon Linux 2023 has no driver for it; ` +
          'set image to an image with a driver (docs/SETTINGS.md, GPU)',
      );
    }
    const instance = new Instance(this, 'machine', {
      ami: imageId(this, props),
      instanceType: props.instanceType,
      subnetId: props.network.subnetId,
      vpcSecurityGroupIds: [props.network.securityGroupId],
      iamInstanceProfile: profile.name,
      ...(props.spot ? { instanceMarketOptions: persistentSpot } : {}),
      // The subnet assigns the public address. If it were set here, each plan of a stopped instance would replace the instance.
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
        ...(props.diskKmsKeyArn === undefined ? {} : { kmsKeyId: props.diskKmsKeyArn }),
        deleteOnTermination: true,
      },
      tags: { Name: props.pipeline, 'lamplighter:pipeline': props.pipeline },
      lifecycle: {
        ignoreChanges: [
          // A newer image must not replace the machine. To renew it, run: terraform apply -replace=aws_instance.instance
          'ami',
          ...RUN_TIME_TAGS.flatMap((tag) => [`tags["${tag}"]`, `tags_all["${tag}"]`]),
        ],
      },
      dependsOn: [permissions, ...props.network.ready],
    });
    this.instanceId = instance.id;
    this.arn = instance.arn;
  }
}

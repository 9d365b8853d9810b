import { IamInstanceProfile } from '@cdktf/provider-aws/lib/iam-instance-profile';
import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import { Instance } from '@cdktf/provider-aws/lib/instance';
import { Annotations } from 'cdktf';
import { Construct } from 'constructs';
import { imageId } from './image';
import type { Place } from './network';
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
  /** Whether EC2 may take it away, and bring it back, as it likes. */
  readonly spot: boolean;
  /** @default the account's default key for EBS */
  readonly diskKmsKeyArn?: string | undefined;
  readonly network: Place;
  /** What its role may do. */
  readonly permissions: readonly Statement[];
}

/** Written while the pipeline runs, by functions and people; Terraform must neither show nor remove them. */
const RUN_TIME_TAGS = ['lamplighter:phase', 'lamplighter:hold', 'lamplighter:pause'];

/** Only a persistent request lets an instance be stopped and started, and keeps its disk when EC2 takes it away. */
const persistentSpot = {
  marketType: 'spot',
  spotOptions: { spotInstanceType: 'persistent', instanceInterruptionBehavior: 'stop' },
};

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
    if (props.image === undefined && hasNvidiaGpu(props.instanceType)) {
      Annotations.of(this).addWarning(
        `${props.pipeline}: ${props.instanceType} has a GPU, but Amazon Linux 2023 as it comes has no driver for it; ` +
          'set image to one that has (docs/SETTINGS.md, GPU)',
      );
    }
    const instance = new Instance(this, 'machine', {
      ami: imageId(this, props),
      instanceType: props.instanceType,
      subnetId: props.network.subnetId,
      vpcSecurityGroupIds: [props.network.securityGroupId],
      iamInstanceProfile: profile.name,
      ...(props.spot ? { instanceMarketOptions: persistentSpot } : {}),
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
        ...(props.diskKmsKeyArn === undefined ? {} : { kmsKeyId: props.diskKmsKeyArn }),
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
      dependsOn: [permissions, ...props.network.ready],
    });
    this.instanceId = instance.id;
    this.arn = instance.arn;
  }
}

import { IamInstanceProfile } from '@cdktf/provider-aws/lib/iam-instance-profile';
import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import { Instance } from '@cdktf/provider-aws/lib/instance';
import { Annotations } from 'cdktf';
import type { Construct } from 'constructs';
import { imageId, type ImageSettings } from './image';
import type { InstanceNetwork } from './network';
import { assumableBy, policy, type Statement } from './permissions';
import type { PipelineSettings } from './settings';
import { hasNvidiaGpu } from './settings/machine';

export interface PipelineInstanceProps {
  readonly settings: ImageSettings & Pick<PipelineSettings, 'spot'>;
  /** The disk's key. @default the account's default key for EBS */
  readonly diskKmsKeyArn: string | undefined;
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
export function pipelineInstance(scope: Construct, props: PipelineInstanceProps): Instance {
  const { settings, network, diskKmsKeyArn } = props;
  const { name, instanceType } = settings;
  const role = new IamRole(scope, 'role', {
    name: `${name}-instance`,
    assumeRolePolicy: assumableBy('ec2.amazonaws.com'),
  });
  const permissions = new IamRolePolicy(scope, 'permissions', {
    name: 'permissions',
    role: role.name,
    policy: policy(props.permissions),
  });
  const profile = new IamInstanceProfile(scope, 'profile', { name: `${name}-instance`, role: role.name });
  if (settings.image === undefined && hasNvidiaGpu(instanceType)) {
    Annotations.of(scope).addWarning(
      `${name}: ${instanceType} has a GPU, but Amazon Linux 2023 has no driver for it; ` +
        'set image to an image with a driver (docs/SETTINGS.md, GPU)',
    );
  }
  return new Instance(scope, 'machine', {
    ami: imageId(scope, settings),
    instanceType,
    subnetId: network.subnetId,
    vpcSecurityGroupIds: [network.securityGroupId],
    iamInstanceProfile: profile.name,
    ...(settings.spot && { instanceMarketOptions: persistentSpot }),
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
      volumeSize: settings.diskGiB,
      ...(diskKmsKeyArn !== undefined && { kmsKeyId: diskKmsKeyArn }),
      deleteOnTermination: true,
    },
    tags: { Name: name, 'lamplighter:pipeline': name },
    lifecycle: {
      ignoreChanges: [
        // A newer image must not replace the machine. To renew it, run: terraform apply -replace=aws_instance.instance
        'ami',
        ...RUN_TIME_TAGS.flatMap((tag) => [`tags["${tag}"]`, `tags_all["${tag}"]`]),
      ],
    },
    dependsOn: [permissions, ...network.ready],
  });
}

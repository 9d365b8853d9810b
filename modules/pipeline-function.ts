import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group';
import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import { LambdaFunction } from '@cdktf/provider-aws/lib/lambda-function';
import { LambdaFunctionEventInvokeConfig } from '@cdktf/provider-aws/lib/lambda-function-event-invoke-config';
import type { SqsQueue } from '@cdktf/provider-aws/lib/sqs-queue';
import { Construct } from 'constructs';
import type { Bundle } from './bundle';
import { assumableBy, keepFailures, policy, writeOwnLog, type Statement } from './permissions';
import { pipelineStackOf } from './pipeline-stack';

export interface PipelineFunctionProps {
  readonly pipeline: string;
  /** A Terraform reference to the account's number. */
  readonly accountId: string;
  readonly bundle: Bundle;
  readonly memoryMib: number;
  readonly timeLimitSeconds: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly logRetentionDays: number;
  /** The key of the function's log. @default a key that CloudWatch Logs owns */
  readonly kmsKeyArn?: string | undefined;
  /** The queue for events that failed in every attempt. */
  readonly failures: SqsQueue;
  /** The role's permissions, besides writing to its log and to the failures queue. */
  readonly permissions: readonly Statement[];
}

/** One of the three functions, with its role, its log, and a queue for events that it failed to handle. */
export class PipelineFunction extends Construct {
  /** The function's name as text. A resource that uses it does not depend on the function. */
  readonly plainName: string;
  /** The function's name as a Terraform reference. A resource that uses it depends on the function. */
  readonly functionName: string;
  readonly arn: string;
  readonly accountId: string;
  /** The role's permissions. Resources that cause calls of the function depend on them, so that the first call succeeds. */
  readonly ready: IamRolePolicy;

  constructor(scope: Construct, id: string, props: PipelineFunctionProps) {
    super(scope, id);
    const name = `${props.pipeline}-${id}`;
    const log = new CloudwatchLogGroup(this, 'log', {
      name: `/aws/lambda/${name}`,
      retentionInDays: props.logRetentionDays,
      ...(props.kmsKeyArn !== undefined && { kmsKeyId: props.kmsKeyArn }),
    });
    const role = new IamRole(this, 'role', { name, assumeRolePolicy: assumableBy('lambda.amazonaws.com') });
    this.ready = new IamRolePolicy(this, 'permissions', {
      name: 'permissions',
      role: role.name,
      policy: policy([writeOwnLog(log), ...props.permissions]),
    });
    const lambda = new LambdaFunction(this, 'function', {
      functionName: name,
      role: role.arn,
      runtime: 'nodejs22.x',
      architectures: ['arm64'],
      handler: 'index.handler',
      filename: pipelineStackOf(this).addFile(`${id}.zip`, props.bundle.content),
      sourceCodeHash: props.bundle.sha256Base64,
      memorySize: props.memoryMib,
      timeout: props.timeLimitSeconds,
      environment: { variables: { ...props.environment } },
      // Without this group Lambda would create one that never expires.
      dependsOn: [log],
    });
    const failed = new Construct(this, 'failures');
    // A separate policy. AWS takes half a minute to create the queue, and nothing else has to wait for it.
    const failurePermission = new IamRolePolicy(failed, 'permission', {
      name: 'failures',
      role: role.name,
      policy: policy([keepFailures(props.failures)]),
    });
    // The sweep repairs a lost event. The queue shows why the event was lost.
    new LambdaFunctionEventInvokeConfig(failed, 'destination', {
      functionName: lambda.functionName,
      maximumRetryAttempts: 2,
      destinationConfig: { onFailure: { destination: props.failures.arn } },
      dependsOn: [failurePermission],
    });
    this.plainName = name;
    this.functionName = lambda.functionName;
    this.arn = lambda.arn;
    this.accountId = props.accountId;
  }
}

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
  /** The account that it lives in; known to Terraform only. */
  readonly accountId: string;
  readonly bundle: Bundle;
  readonly timeLimitSeconds: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly logRetentionDays: number;
  /** For its log. @default a key that CloudWatch Logs owns */
  readonly kmsKeyArn?: string | undefined;
  /** Where an event goes that failed in every attempt. */
  readonly failures: SqsQueue;
  /** What its role may do, beside writing its own log and its failures. */
  readonly permissions: readonly Statement[];
}

/** One of the three functions, with its own role, its log, and a place for the events that it could not handle. */
export class PipelineFunction extends Construct {
  /** Its name as plain text: who uses it does not wait for the function to be made. */
  readonly plainName: string;
  /** Its name as Terraform's reference: who uses it does wait. */
  readonly functionName: string;
  readonly arn: string;
  readonly accountId: string;
  /** Whatever calls the function waits for this: by then it may do its work. */
  readonly ready: IamRolePolicy;

  constructor(scope: Construct, id: string, props: PipelineFunctionProps) {
    super(scope, id);
    const name = `${props.pipeline}-${id}`;
    const log = new CloudwatchLogGroup(this, 'log', {
      name: `/aws/lambda/${name}`,
      retentionInDays: props.logRetentionDays,
      ...(props.kmsKeyArn === undefined ? {} : { kmsKeyId: props.kmsKeyArn }),
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
      memorySize: 256,
      timeout: props.timeLimitSeconds,
      environment: { variables: { ...props.environment } },
      // Without its log group Lambda would make one that keeps everything for ever.
      dependsOn: [log],
    });
    const failed = new Construct(this, 'failures');
    // A policy of its own, so that nothing else waits for the queue, which takes half a minute to be made.
    const failurePermission = new IamRolePolicy(failed, 'permission', {
      name: 'failures',
      role: role.name,
      policy: policy([keepFailures(props.failures)]),
    });
    // An event that is lost for good is found by the sweep; the queue says why it was.
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

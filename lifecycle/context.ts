import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import type { EC2Client } from '@aws-sdk/client-ec2';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Clock } from './clock';
import type { TriggerEnvironment } from './environment';
import { Instance } from './instance';
import type { Log } from './log';
import type { DeployedModel } from './model';
import { Store } from './store';

/** The parts of one pipeline on which the rules of the ledger and the gate work. */
export interface LedgerContext {
  readonly pipeline: string;
  readonly s3: S3Client;
  readonly dataBucket: string;
  readonly control: Store;
  readonly output: Store;
  readonly models: readonly DeployedModel[];
  readonly instance: Instance;
  readonly worker: Worker;
  readonly clock: Clock;
  readonly log: Log;
  /** The function and its request id. The gate records it. */
  readonly by: string;
}

/** The worker function. Each invocation is asynchronous. */
export class Worker {
  constructor(
    private readonly lambda: LambdaClient,
    private readonly functionName: string,
  ) {}

  /** The worker uses `reason` and `jobIds` only for its log. */
  async invoke(reason: string, jobIds: readonly string[]): Promise<void> {
    await this.lambda.send(
      new InvokeCommand({
        FunctionName: this.functionName,
        InvocationType: 'Event',
        Payload: JSON.stringify({ reason, jobIds }),
      }),
    );
  }
}

/** The clients and the clock, which a function creates once. */
export interface LedgerClients {
  readonly s3: S3Client;
  readonly ec2: EC2Client;
  readonly lambda: LambdaClient;
  readonly clock: Clock;
}

export function ledgerContext(
  environment: TriggerEnvironment,
  { s3, ec2, lambda, clock }: LedgerClients,
  log: Log,
  by: string,
): LedgerContext {
  return {
    pipeline: environment.LAMPLIGHTER_PIPELINE,
    s3,
    dataBucket: environment.LAMPLIGHTER_DATA_BUCKET,
    control: new Store(s3, environment.LAMPLIGHTER_CONTROL_BUCKET),
    output: new Store(s3, environment.LAMPLIGHTER_OUTPUT_BUCKET),
    models: environment.LAMPLIGHTER_MODELS,
    instance: new Instance(ec2, environment.LAMPLIGHTER_INSTANCE_ID, {
      showsPhase: environment.LAMPLIGHTER_PHASE_TAG !== 'off',
    }),
    worker: new Worker(lambda, environment.LAMPLIGHTER_WORKER_FUNCTION),
    clock,
    log,
    by,
  };
}

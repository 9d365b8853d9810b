import { jobIdOf, receiptKey } from '../../lifecycle/job';
import { type Manifest, manifestParameterName } from '../../lifecycle/manifest';
import type { Receipt } from '../../lifecycle/records';
import type { PipelineHandle } from '../../scripts/pipeline/connect';
import type { Target } from '../../scripts/pipeline/target';
import { FakeAccount } from './fake-account';

export interface Event {
  readonly group: string;
  readonly at: number;
  readonly message: string;
}

/** A pipeline in memory, with a handle for commands. */
export class InMemoryPipeline {
  readonly account = new FakeAccount();
  readonly events: Event[] = [];
  /** Log groups that do not exist yet. */
  readonly missing = new Set<string>();
  readonly invoked: unknown[] = [];
  sweep: object = { did: 'woke', wake: 'woken' };
  readonly handle: PipelineHandle;
  /** The manifests of the deployed pipelines. */
  readonly manifests: Manifest[] = [];

  constructor() {
    const { context, ec2, instance, models, s3 } = this.account;
    const clients = {
      ...{ s3: s3.client, ec2, ssm: { send: (command: object) => this.ask(command) } },
      logs: { send: ({ input }: { input: LogsInput }) => this.filter(input) },
      lambda: { send: ({ input }: { input: unknown }) => this.invoke(input) },
      sqs: { send: () => Promise.resolve({}) },
    };
    const manifest: Manifest = {
      ...{ version: 1, pipeline: 'p', region: 'eu-central-1', instanceId: 'i-1', document: 'p-drain' },
      ...{ dataBucket: 'data', outputBucket: 'output', controlBucket: 'control' },
      ...{ functions: { trigger: 'p-trigger', worker: 'p-worker', stop: 'p-stop' }, sweepMinutes: 5 },
      ...{ drainLogGroup: '/lamplighter/p/drain', failuresQueue: 'p-failures', models },
      ...{ stopTimeLimitSeconds: 120, lingerSeconds: 0, breakerWakeUps: 3 },
    };
    this.manifests.push(manifest);
    this.handle = {
      ...{ control: context.control, output: context.output, instance, manifest },
      target: { cloud: 'local', text: 'a cloud', clients, pollMs: 1 } as unknown as Target,
    };
  }

  /** Adds an upload that has neither an open record nor a receipt. */
  upload(key: string, body = 'x') {
    const { versionId } = this.account.s3.put('data', key, body);
    const input = { bucket: 'data', key, versionId, sizeBytes: body.length };
    return { input, jobId: jobIdOf(input) };
  }

  /** Adds an upload with a receipt. */
  ended(key: string, more: Partial<Receipt> = {}): Receipt {
    const { input, jobId } = this.upload(key);
    const endedAt = new Date(this.account.clock.now()).toISOString();
    const receipt: Receipt = {
      ...{ version: 1, jobId, outcome: 'succeeded', pipeline: 'p', input, attempt: 1 },
      ...{ admittedAt: endedAt, endedAt, outputs: [], nonce: 'n' },
      model: { name: 'm', digest: 'd'.repeat(64), zipKey: 'z', zipVersionId: 'v' },
      instance: { bootId: 'b', drainId: 'd' },
      ...more,
    };
    this.account.s3.put('output', receiptKey(key, jobId), JSON.stringify(receipt));
    return receipt;
  }

  failed(key: string, message = 'no such column'): Receipt {
    return this.ended(key, { outcome: 'failed', error: { kind: 'exit', message } });
  }

  passMinutes(minutes: number): void {
    void this.account.clock.sleep(minutes * 60_000);
  }

  private filter({ logGroupName, startTime, nextToken, filterPattern }: LogsInput): Promise<object> {
    if (this.missing.has(logGroupName))
      return Promise.reject(Object.assign(new Error('no group'), { name: 'ResourceNotFoundException' }));
    const wanted = filterPattern.replace(/^"|"$/g, '');
    const found = this.events
      .filter(
        ({ group, at, message }) => group === logGroupName && at >= startTime && message.includes(wanted),
      )
      .map(({ at, message }) => ({ timestamp: at, message, eventId: `${at} ${message}` }));
    const from = Number(nextToken ?? 0);
    const more = from + 2 < found.length ? { nextToken: String(from + 2) } : {};
    return Promise.resolve({ events: found.slice(from, from + 2), ...more });
  }

  private ask(command: object): Promise<object> {
    if (command.constructor.name !== 'GetParametersByPathCommand') return this.account.ssm.send(command);
    const Parameters = this.manifests.map((manifest) => ({
      Name: manifestParameterName(manifest.pipeline),
      Value: JSON.stringify(manifest),
    }));
    return Promise.resolve({ Parameters });
  }

  private invoke(input: unknown): Promise<object> {
    this.invoked.push(input);
    return Promise.resolve({ Payload: { transformToString: () => JSON.stringify(this.sweep) } });
  }
}

interface LogsInput {
  readonly logGroupName: string;
  readonly startTime: number;
  readonly nextToken?: string;
  readonly filterPattern: string;
}

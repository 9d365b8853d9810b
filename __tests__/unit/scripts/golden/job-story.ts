import { attemptPrefix, claimKey, jobIdOf, openKey, receiptKey, statusKey } from '../../../../lifecycle/job';
import type { OpenRecord, Receipt, Status } from '../../../../lifecycle/records';
import type { InMemoryPipeline } from '../../../support/in-memory-pipeline';

/** What the trigger and the drain write of one upload's job, as it comes along. */
export class JobStory {
  constructor(
    private readonly place: InMemoryPipeline,
    private readonly key: string,
  ) {}

  /** Each stage comes about just before a poll lists the ledger: the first before the first poll. */
  atEachLook(...stages: (() => void)[]): this {
    for (const [index, run] of stages.entries())
      this.place.account.s3.fault({ command: 'ListObjectsV2', key: '', nth: index + 1, run });
    return this;
  }

  admit(): void {
    const { jobId, input, at } = this.job();
    const record: OpenRecord = {
      ...{ version: 1, jobId, input, model: MODEL, admittedAt: at, admittedBy: 'event', nonce: 'n' },
    };
    this.put('control', openKey(jobId), record);
  }

  progress(phase: Status['phase'], more: Partial<Status> = {}): void {
    const { jobId, at } = this.job();
    const leaseUntil = new Date(Date.now() + 600_000).toISOString();
    const mine = { version: 1, jobId, attempt: 1 };
    const claim = { ...mine, bootId: 'b', drainId: 'd', claimedAt: at, leaseUntil, nonce: 'n' };
    this.put('control', claimKey(jobId), claim);
    this.put('control', statusKey(jobId), { ...mine, phase, at, ...more });
  }

  succeed(files: Readonly<Record<string, string>>): void {
    const prefix = attemptPrefix(this.key, this.job().jobId, 1);
    const outputs = Object.entries(files).map(([name, text]) => {
      this.place.account.s3.put('output', `${prefix}${name}`, text);
      return { key: `${prefix}${name}`, sizeBytes: text.length };
    });
    this.end({ outcome: 'succeeded', outputs });
  }

  fail(message: string, stderrTail: string): void {
    this.end({ outcome: 'failed', outputs: [], error: { kind: 'model failed', message }, stderrTail });
  }

  private end(more: Pick<Receipt, 'outcome' | 'outputs'> & Partial<Receipt>): void {
    const { jobId, input, at } = this.job();
    const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
    const receipt: Receipt = {
      ...{ version: 1, jobId, pipeline: 'p', input, attempt: 1, model: MODEL, nonce: 'n' },
      ...{ instance: { bootId: 'b', drainId: 'd' }, admittedAt: ago(9), startedAt: ago(4), endedAt: at },
      ...more,
    };
    this.place.account.s3.delete('control', openKey(jobId));
    this.put('output', receiptKey(this.key, jobId), receipt);
  }

  /** The job of the latest upload. */
  private job() {
    const { s3 } = this.place.account;
    const versionId = s3.versionOf('data', this.key);
    if (versionId === undefined) throw new Error(`${this.key} is not uploaded`);
    const sizeBytes = s3.text('data', this.key)?.length ?? 0;
    const input = { bucket: 'data', key: this.key, versionId, sizeBytes };
    return { jobId: jobIdOf(input), input, at: new Date().toISOString() };
  }

  private put(bucket: string, key: string, record: object): void {
    this.place.account.s3.put(bucket, key, JSON.stringify(record));
  }
}

const MODEL = { name: 'm', digest: 'd'.repeat(64), zipKey: 'models/m/model.zip', zipVersionId: 'v1' };

import {
  attemptPrefix,
  claimKey,
  jobIdInReceiptKey,
  jobIdOf,
  openKey,
  receiptKey,
  statusKey,
} from '../../../../lifecycle/job';
import type { OpenRecord, Receipt, Status } from '../../../../lifecycle/records';
import type { InMemoryPipeline } from '../../../support/in-memory-pipeline';

/** What the trigger and the drain write of one upload's job, as it comes along. */
export class JobStory {
  constructor(
    private readonly place: InMemoryPipeline,
    private readonly key: string,
  ) {}

  /** Each stage comes about just before a look at the job's receipt: the first before the first look. */
  atEachLook(...stages: (() => void)[]): this {
    const key = new RegExp(`^results/${this.key}/[0-9a-f]+/receipt\\.json$`);
    for (const [index, run] of stages.entries())
      this.place.account.s3.fault({ command: 'GetObject', key, nth: index + 1, run });
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

  /** The job whose receipt was looked for last. */
  private job() {
    const { s3 } = this.place.account;
    const looks = s3.callsOf('GetObject', new RegExp(`^results/${this.key}/`));
    const jobId = jobIdInReceiptKey(looks.at(-1)?.key ?? '') ?? '';
    const uploads = Array.from({ length: 99 }, (_, index) => ({
      ...{ bucket: 'data', key: this.key, versionId: `v${String(index + 1).padStart(6, '0')}` },
    }));
    const upload = uploads.find((one) => jobIdOf(one) === jobId);
    if (!upload) throw new Error(`${this.key} is not uploaded`);
    const input = { ...upload, sizeBytes: s3.text('data', this.key)?.length ?? 0 };
    return { jobId, input, at: new Date().toISOString() };
  }

  private put(bucket: string, key: string, record: object): void {
    this.place.account.s3.put(bucket, key, JSON.stringify(record));
  }
}

const MODEL = { name: 'm', digest: 'd'.repeat(64), zipKey: 'models/m/model.zip', zipVersionId: 'v1' };

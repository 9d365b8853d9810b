import { type Answer, emptyAnswer, xmlAnswer } from '../wire/answer';
import type { Call } from '../wire/call';
import type { Timers } from '../clockwork/timers';

export interface VersioningFaults {
  /** Time until the versioning of a bucket takes effect, in milliseconds. */
  readonly versioningMs: number;
}

/**
 * Versioning that takes effect some time after S3 has accepted it: up to 15 minutes. Meanwhile S3 reports it as enabled, and
 * stores objects without versions. https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.md
 */
export class LateVersioning {
  private readonly pending = new Set<string>();

  constructor(
    private readonly faults: VersioningFaults,
    private readonly timers: Timers,
    private readonly forward: (call: Call) => Promise<Answer>,
  ) {}

  /** The answer to a request for the versioning of a bucket. Undefined: moto answers. */
  answer(call: Call, bucket: string): Answer | undefined {
    if (!call.query.has('versioning')) return undefined;
    const { versioningMs } = this.faults;
    if (call.method === 'PUT' && versioningMs > 0) {
      this.pending.add(bucket);
      this.timers.after(versioningMs, `the versioning of ${bucket}`, async () => {
        await this.forward(call);
        this.pending.delete(bucket);
      });
      return emptyAnswer(200);
    }
    if (call.method !== 'GET' || !this.pending.has(bucket)) return undefined;
    return xmlAnswer(
      '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>',
    );
  }
}

import { DRAIN_STATUS_KEY } from './job';
import { drainStatusSchema, type DrainStatus } from './records';
import type { Store } from './store';

/** The drain's trace of work: `status/drain.json`, which the drain writes at every claim and every receipt. */
export interface Trace {
  /** Changes with every write. Empty: no drain has ever worked. */
  readonly etag: string;
  /** Undefined: there is no trace, or the trace is unreadable. */
  readonly last: DrainStatus | undefined;
  /** When the drain wrote it, by the clock of S3. Undefined: there is no trace. */
  readonly writtenAt: Date | undefined;
}

export async function readTrace(control: Store): Promise<Trace> {
  const { record, etag = '', lastModified } = await control.read(DRAIN_STATUS_KEY, drainStatusSchema);
  return { etag, last: record, writtenAt: lastModified };
}

import { InvalidInputError } from './errors';
import { DRAIN_STATUS_KEY } from './job';
import { drainStatusSchema, parseRecord, type DrainStatus } from './records';
import type { Store } from './store';

/** The drain's trace of work: `status/drain.json`, which the drain writes at every claim and every receipt. */
export interface Trace {
  /** Changes with every write. Empty: no drain has ever worked. */
  readonly etag: string;
  /** Undefined: there is no trace, or the trace is unreadable. */
  readonly last: DrainStatus | undefined;
}

export async function readTrace(control: Store): Promise<Trace> {
  const stored = await control.getText(DRAIN_STATUS_KEY);
  if (!stored) return { etag: '', last: undefined };
  try {
    return { etag: stored.etag, last: parseRecord(drainStatusSchema, DRAIN_STATUS_KEY, stored.text) };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return { etag: stored.etag, last: undefined };
  }
}

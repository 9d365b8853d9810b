import { InvalidInputError } from './errors';
import { DRAIN_STATUS_KEY } from './job';
import { drainStatusSchema, parseRecord, type DrainStatus } from './records';
import type { Store } from './store';

/** The drain's trace of work: it rewrites one object at every claim and every receipt. */
export interface Trace {
  /** Changes with the trace; empty: no drain has ever worked. */
  readonly mark: string;
  /** Undefined when there is none, or none that can be read. */
  readonly last: DrainStatus | undefined;
}

export async function readTrace(control: Store): Promise<Trace> {
  const stored = await control.getText(DRAIN_STATUS_KEY);
  if (!stored) return { mark: '', last: undefined };
  try {
    return { mark: stored.etag, last: parseRecord(drainStatusSchema, DRAIN_STATUS_KEY, stored.text) };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return { mark: stored.etag, last: undefined };
  }
}

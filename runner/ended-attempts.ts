import { addEnd } from '../lifecycle/attempts';
import { timestamp } from '../lifecycle/clock';
import { ConflictError } from '../lifecycle/errors';
import { attemptsKey } from '../lifecycle/job';
import { attemptsSchema, type Attempts, type EndedAttempts } from '../lifecycle/records';
import type { Reading } from '../lifecycle/store';
import type { DrainContext } from './context';

/** The ended attempts of a job as they were read. A record that cannot be read counts as none, and is replaced. */
export type AttemptsReading = Reading<Attempts>;

/** The reading of a job without ended attempts. */
export const NO_ATTEMPTS: AttemptsReading = {
  record: undefined,
  etag: undefined,
  metadata: {},
  lastModified: undefined,
  isNewer: false,
};

/** How one attempt ended. */
export type AttemptsEnd = Pick<EndedAttempts, 'cause' | 'why' | 'death' | 'wasKilled'> & {
  readonly attempt: number;
  /** Since when S3 refuses the input. Undefined: it does not. */
  readonly inputRefusedSince?: string | undefined;
};

export function readAttempts({ control }: DrainContext, jobId: string): Promise<AttemptsReading> {
  return control.read(attemptsKey(jobId), attemptsSchema);
}

/**
 * Notes how an attempt ended. Idempotent: does nothing if the record has the end of this attempt or of a later one. Throws
 * ConflictError if another writer has changed the record.
 */
export async function noteEnd(
  { control, clock }: DrainContext,
  jobId: string,
  before: AttemptsReading,
  { attempt, inputRefusedSince, ...how }: AttemptsEnd,
): Promise<AttemptsReading> {
  const ended = before.record?.ended ?? [];
  if ((ended.at(-1)?.last ?? 0) >= attempt) return before;
  const end = { first: attempt, last: attempt, ...how, at: timestamp(clock) };
  const next: Omit<Attempts, 'nonce'> = {
    version: 1,
    jobId,
    ended: addEnd(ended, end),
    ...(inputRefusedSince !== undefined && { inputRefusedSince }),
  };
  try {
    return { ...NO_ATTEMPTS, ...(await control.replace<Attempts>(attemptsKey(jobId), next, before.etag)) };
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    // An earlier call may have written this end, although it got an error.
    const present = await control.read(attemptsKey(jobId), attemptsSchema);
    if ((present.record?.ended.at(-1)?.last ?? 0) >= attempt) return present;
    throw error;
  }
}

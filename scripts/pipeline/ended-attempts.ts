import { failuresIn, interruptionsIn } from '../../lifecycle/attempts';
import type { Attempts, EndCause, EndedAttempts } from '../../lifecycle/records';
import type { ReadResult } from './readings/records';

/** What ended an attempt, in words for people. */
export const CAUSE_NAMES: Readonly<Record<EndCause, string>> = {
  model: 'the model',
  machine: 'the machine',
  wrapper: 'the drain',
  storage: 'a refusal by S3 or KMS',
  weather: 'trouble of S3 or the network',
  person: 'a person',
};

/** A job's ended attempts, by their keys in `--json`. docs/OPERATIONS.md documents them. */
export interface EndedFacts {
  /** Attempts that the model itself ended. Null: the record cannot be read. */
  readonly failures: number | null;
  /** Attempts that something else ended. Null: the record cannot be read. */
  readonly interruptions: number | null;
  /** The oldest first. Null: the record cannot be read. */
  readonly endedAttempts: readonly EndedAttempts[] | null;
}

/** Of a receipt's list; without one, no attempt ended before the one that counts. */
export function endedFacts(ended: readonly EndedAttempts[] = []): EndedFacts {
  return { failures: failuresIn(ended), interruptions: interruptionsIn(ended), endedAttempts: ended };
}

/** Of an open job. */
export function endedFactsOf(attempts: ReadResult<Attempts> | undefined): EndedFacts {
  if (attempts && 'trouble' in attempts) return { failures: null, interruptions: null, endedAttempts: null };
  return endedFacts(attempts?.record.ended);
}

/**
 * The counts, and why the last one ended. Undefined: no attempt has ended.
 *
 * @example "2 interruptions, 1 failure; attempt 3 ended: the model exited with code 1"
 */
export function endedText({ failures, interruptions, endedAttempts }: EndedFacts): string | undefined {
  if (!endedAttempts) return 'earlier attempts: their record cannot be read';
  const last = endedAttempts.at(-1);
  if (!last) return undefined;
  const counts = [counted(interruptions, 'interruption'), counted(failures, 'failure')].flat();
  return `${counts.join(', ')}; attempt ${last.last} ended: ${last.why}`;
}

function counted(count: number | null, noun: string): string[] {
  if (count === null || count === 0) return [];
  return [`${count} ${noun}${count === 1 ? '' : 's'}`];
}

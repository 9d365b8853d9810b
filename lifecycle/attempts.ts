import type { EndCause, EndedAttempts } from './records';

/*
 * The ended attempts at a job, as `attempts/<jobId>.json` and receipts list them, the oldest first. The drain decides by these
 * counts, and the commands show them.
 *
 * A failure is the model's own doing. Every other end is an interruption. Trouble of S3 or the network (`storage`,
 * `weather`) passes by itself. So a row of interruptions neither counts such an end nor ends with it.
 */

/**
 * Maximum entries of a list. More than a card's highest bounds together (100 interruptions, 10 failures), so that the list
 * always holds every end that counts.
 */
export const MAX_ENDED = 120;

/** How many attempts the model itself ended. */
export function failuresIn(ended: readonly EndedAttempts[]): number {
  // D8
  return attemptsIn(ended.filter(isFailure));
}

/** How many attempts something else than the model ended. */
export function interruptionsIn(ended: readonly EndedAttempts[]): number {
  return attemptsIn(ended.filter((end) => !isFailure(end)));
}

/** The last attempts in a row that the machine, the drain or a person ended. A failure ends the row. */
export function interruptionsInARow(ended: readonly EndedAttempts[]): number {
  return attemptsIn(lastInARow(ended, (end) => !isFailure(end)));
}

/** The last attempts in a row that ended because the machine died, unexplained, while no other job ran on it. */
export function deathsAloneInARow(ended: readonly EndedAttempts[]): number {
  return attemptsIn(lastInARow(ended, ({ death }) => death === 'alone'));
}

/** Whether the job's last attempt ended because the machine died, unexplained. Then the next attempt must run alone. */
export function mustRunAlone(ended: readonly EndedAttempts[]): boolean {
  return ended.findLast((end) => !isPassing(end))?.death !== undefined;
}

/** The list with one more end, at most `MAX_ENDED` long. The end joins the last entry if it follows for the same reason. */
export function addEnd(ended: readonly EndedAttempts[], end: EndedAttempts): EndedAttempts[] {
  const last = ended.at(-1);
  if (last && isContinuedBy(last, end)) return [...ended.slice(0, -1), { ...end, first: last.first }];
  return shortened([...ended, end]);
}

/**
 * The ended attempts in words.
 *
 * @example "2 interruptions (attempts 1-2: the machine shut down), 1 failure (attempt 3: the model exited with code 1)"
 */
export function describeEnded(ended: readonly EndedAttempts[]): string {
  const parts = [
    describeSome(
      'interruption',
      'interruptions',
      ended.filter((end) => !isFailure(end)),
    ),
    describeSome('failure', 'failures', ended.filter(isFailure)),
  ];
  return parts.filter((part) => part !== undefined).join(', ') || 'no interruption, no failure';
}

function describeSome(one: string, many: string, ended: readonly EndedAttempts[]): string | undefined {
  const count = attemptsIn(ended);
  if (count === 0) return undefined;
  const reasons = [...new Set(ended.map(({ why }) => why))].map(
    (reason) => `${numbersOf(ended.filter(({ why }) => why === reason))}: ${reason}`,
  );
  return `${count} ${count === 1 ? one : many} (${reasons.join('; ')})`;
}

/** "attempt 3", "attempts 1-2, 5" */
function numbersOf(ended: readonly EndedAttempts[]): string {
  const ranges = ended.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  return `${attemptsIn(ended) === 1 ? 'attempt' : 'attempts'} ${ranges.join(', ')}`;
}

function isContinuedBy(last: EndedAttempts, { first, cause, why, death, wasKilled }: EndedAttempts): boolean {
  const isSame = cause === last.cause && why === last.why && death === last.death;
  return first === last.last + 1 && isSame && wasKilled === last.wasKilled;
}

/** Drops the oldest entries that no bound counts, then the oldest interruptions. The bound of failures needs all failures. */
function shortened(ended: readonly EndedAttempts[]): EndedAttempts[] {
  if (ended.length <= MAX_ENDED) return [...ended];
  const passing = ended.findIndex(isPassing);
  const interruption = ended.findIndex((end) => !isFailure(end));
  const dropped = [passing, interruption, 0].find((index) => index >= 0);
  return shortened(ended.filter((_, index) => index !== dropped));
}

/** The last entries that fit, without those that pass by themselves. */
function lastInARow(ended: readonly EndedAttempts[], fits: (end: EndedAttempts) => boolean): EndedAttempts[] {
  const counted = ended.filter((end) => !isPassing(end));
  return counted.slice(counted.findLastIndex((end) => !fits(end)) + 1);
}

function attemptsIn(ended: readonly EndedAttempts[]): number {
  return ended.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

function isFailure({ cause }: { cause: EndCause }): boolean {
  return cause === 'model';
}

function isPassing({ cause }: { cause: EndCause }): boolean {
  return cause === 'storage' || cause === 'weather';
}

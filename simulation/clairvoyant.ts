import { billOf } from './billing';
import type { StartTimes } from './workloads';

/** A job as the clairvoyant knows it from the beginning. In milliseconds. */
export interface KnownJob {
  readonly arrivedMs: number;
  readonly runMs: number;
  readonly start: StartTimes;
}

/**
 * The least that EC2 can bill for these jobs, in milliseconds, by whoever knows all of them ahead. Jobs are in the order
 * of arrival.
 *
 * - One job runs at a time, none before it has arrived. While the instance is on, a job begins as soon as it has arrived and
 *   the one before has ended: nothing is put off on a machine that could run it.
 * - While it is off, the next job may find it ready at the very moment of its arrival, or wait for a start made as late as at
 *   that moment (`patienceMs`), or anything between, whichever bills less. Without that limit one would let a day's uploads
 *   wait and boot once, which nobody wants.
 * - A start bills what it takes from `running` to the model (`restartMs`), as drawn for the job that it is for; ours has
 *   the same drawn times. Polling, calls, the way of events, a tail: it has none of these, and it stops in the
 *   moment in which the model ends. The time that `pending` and `stopping` take never keeps it from starting again.
 *
 * So it is a lower bound for what any prompt scheduler can reach, and exact but for that last point: partitions of the jobs into
 * times of being on are compared by dynamic programming, in O(n²). Each time begins as late as patience allows, which
 * leaves the fewest gaps; two that would overlap are never the cheapest, since one that serves both saves a restart.
 */
export function clairvoyantBilledMs(jobs: readonly KnownJob[]): number {
  // least[n]: for the first n jobs.
  const least = [0, ...jobs.map(() => Infinity)];
  jobs.forEach((first, index) => {
    const before = least[index] ?? Infinity;
    const begins = first.arrivedMs + patienceMs(first.start);
    let ends = begins;
    jobs.slice(index).forEach((job, further) => {
      ends = Math.max(ends, job.arrivedMs) + job.runMs;
      const bill = before + billOf(restartMs(first.start) + ends - begins);
      const served = index + further + 1;
      least[served] = Math.min(least[served] ?? Infinity, bill);
    });
  });
  return least.at(-1) ?? 0;
}

/** From `running` to the model's begin. */
export function restartMs({ bootMs, registrationMs, deliveryMs, checkMs }: StartTimes): number {
  return bootMs + registrationMs + deliveryMs + checkMs;
}

/** How long a job waits for a start that was made when it arrived. */
export function patienceMs(start: StartTimes): number {
  return start.pendingMs + restartMs(start);
}

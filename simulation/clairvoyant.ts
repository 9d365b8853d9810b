import { billOf } from './billing';
import type { StartTimes } from './workloads';

/** A job as the clairvoyant scheduler knows it. In milliseconds. */
export interface KnownJob {
  readonly arrivedMs: number;
  readonly runMs: number;
  readonly start: StartTimes;
}

/**
 * The least that EC2 can bill for these jobs, in milliseconds, if a scheduler knows all jobs in advance. Jobs are in
 * the order of arrival.
 *
 * - One job runs at a time, and none before its arrival. While the instance is on, a job begins as soon as it has
 *   arrived and the job before it has ended. No job waits on a running machine that could run it.
 * - While the instance is off, the machine may be ready at the arrival of the next job at the earliest. At the latest
 *   it is ready as if a start had been made at that arrival (`patienceMs`). The scheduler chooses the cheapest time
 *   between the two. Without the second limit, a day's uploads would all wait for one boot.
 * - A start bills the time from `running` to the model (`restartMs`), as drawn for its job. Our design has the same
 *   drawn times. The scheduler has no polling, no calls, no delay of events and no tail. It stops at the moment at
 *   which the model ends, and the time of `pending` and `stopping` never delays its next start.
 *
 * This is a lower bound for every prompt scheduler, and exact except for the last point. Dynamic programming compares
 * all partitions of the jobs into on-times, in O(n²). Each on-time begins as late as patience allows, which leaves
 * the fewest gaps. Two on-times that overlap are never the cheapest, since one on-time for both saves a restart.
 */
export function clairvoyantBilledMs(jobs: readonly KnownJob[]): number {
  // least[n]: the least for the first n jobs.
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

/** The time from `running` to the beginning of the model. */
export function restartMs({ bootMs, registrationMs, deliveryMs, checkMs }: StartTimes): number {
  return bootMs + registrationMs + deliveryMs + checkMs;
}

/** The time that a job waits for a start that was made at its arrival. */
export function patienceMs(start: StartTimes): number {
  return start.pendingMs + restartMs(start);
}

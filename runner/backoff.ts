import type { Timings } from './context';

/** Different jobs in a row whose attempts came to nothing, from which on the trouble is not theirs. */
const SHARED_FROM_JOBS = 3;

/** Longest pause, in milliseconds. */
const LONGEST_PAUSE_MS = 300_000;

/** The pause after a number of failures in a row, in milliseconds: 5 s, doubled each time, at most 5 min. */
export function pauseMs(times: number, { retryPauseSeconds }: Pick<Timings, 'retryPauseSeconds'>): number {
  return Math.min(retryPauseSeconds * 1000 * 2 ** Math.min(times - 1, 20), LONGEST_PAUSE_MS);
}

/**
 * When a job may begin again after an attempt that came to nothing. Such an attempt ended before its program began, or through
 * anything but its program. D17: each job has a pause of its own. After three different jobs in a row, all jobs share one
 * pause, and one attempt at a time tries, until an attempt reaches its program.
 */
export class Backoff {
  private readonly jobs = new Map<string, { readonly times: number; readonly notBefore: number }>();
  /** The jobs whose attempts came to nothing since the last attempt that reached its program. */
  private readonly inARow = new Set<string>();
  private shared = { times: 0, notBefore: 0 };
  private since: number | undefined;

  constructor(private readonly timings: Pick<Timings, 'retryPauseSeconds' | 'outageSeconds'>) {}

  get isShared(): boolean {
    return this.inARow.size >= SHARED_FROM_JOBS;
  }

  /** The time before which no attempt at the job may begin, in milliseconds since the epoch. */
  notBefore(jobId: string): number {
    return Math.max(this.jobs.get(jobId)?.notBefore ?? 0, this.isShared ? this.shared.notBefore : 0);
  }

  timesOf(jobId: string): number {
    return this.jobs.get(jobId)?.times ?? 0;
  }

  cameToNothing(jobId: string, now: number): void {
    const times = this.timesOf(jobId) + 1;
    this.jobs.set(jobId, { times, notBefore: now + pauseMs(times, this.timings) });
    this.inARow.add(jobId);
    this.since ??= now;
    if (!this.isShared) return;
    const sharedTimes = this.shared.times + 1;
    this.shared = { times: sharedTimes, notBefore: now + pauseMs(sharedTimes, this.timings) };
  }

  reachedProgram(jobId: string): void {
    this.jobs.delete(jobId);
    this.inARow.clear();
    this.shared = { times: 0, notBefore: 0 };
    this.since = undefined;
  }

  /** The job has ended. */
  forget(jobId: string): void {
    this.jobs.delete(jobId);
  }

  /** D18: true if no attempt has reached its program for so long that the machine should not stay on for it. */
  isHopeless(now: number): boolean {
    return this.since !== undefined && now - this.since >= this.timings.outageSeconds * 1000;
  }
}

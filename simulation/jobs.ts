import type { Timeline } from './timeline';

/** The state of each job: its open record, and its receipt or, for the plain chain, its result. */
export class Jobs {
  /** When the open record of each open job was created, in milliseconds since the epoch. */
  private readonly open = new Map<string, number>();
  private readonly ended = new Map<string, number>();
  private readonly failures = new Set<string>();
  /** The last time at which a LIST could show an open job, although none is open now. */
  private lastOpenAt = 0;

  constructor(private readonly timeline: Timeline) {}

  get anyOpen(): boolean {
    return this.open.size > 0;
  }

  /** The number of failed jobs. Our design writes a receipt for each. */
  get failed(): number {
    return this.failures.size;
  }

  hasReceipt(jobId: string): boolean {
    return this.ended.has(jobId);
  }

  /** In milliseconds since the epoch. */
  receiptAt(jobId: string): number | undefined {
    return this.ended.get(jobId);
  }

  /** Whether the job has a receipt or a result, or failed in the plain chain, which reports no failure. */
  hasEnded(jobId: string): boolean {
    return this.ended.has(jobId) || this.failures.has(jobId);
  }

  /** Whether a LIST since that time can have shown an open job. */
  anyOpenSince(at: number): boolean {
    return this.anyOpen || this.lastOpenAt >= at;
  }

  /** In the order in which the drain begins them: of admission, by the seconds of S3, then by id. */
  openJobs(): string[] {
    const second = (since: number) => Math.floor(since / 1000);
    const open = [...this.open].sort(
      ([a, since], [b, before]) => second(since) - second(before) || (a < b ? -1 : 1),
    );
    return open.map(([jobId]) => jobId);
  }

  /** A job that has been open from before `at` until now. */
  openBefore(at: number): string | undefined {
    for (const [jobId, since] of this.open) if (since < at) return jobId;
    return undefined;
  }

  opened(jobId: string): void {
    if (!this.ended.has(jobId)) this.open.set(jobId, this.open.get(jobId) ?? this.timeline.now);
    // The trigger may look for the receipt before it exists, and create the open record after it. A LIST then shows
    // an ended job.
    else this.lastOpenAt = this.timeline.now;
  }

  noLongerOpen(jobId: string): void {
    if (this.open.delete(jobId)) this.lastOpenAt = this.timeline.now;
  }

  receiptWritten(jobId: string, outcome: 'succeeded' | 'failed'): void {
    this.ended.set(jobId, this.timeline.now);
    this.noLongerOpen(jobId);
    if (outcome === 'failed') this.failures.add(jobId);
  }

  /** Called when the plain chain has written a result. */
  plainResult(jobId: string): void {
    this.ended.set(jobId, this.timeline.now);
    this.failures.delete(jobId);
  }

  /** Called when the plain chain's model has failed or has written no file. */
  plainFailure(jobId: string): void {
    if (!this.ended.has(jobId)) this.failures.add(jobId);
  }
}

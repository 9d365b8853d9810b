import type { Timeline } from './timeline';

/** What has become of each upload's job, by its open record and its receipt or, for the plain chain, its result. */
export class Jobs {
  /** Since when there is an open record and no receipt. */
  private readonly open = new Map<string, number>();
  private readonly ended = new Map<string, number>();
  private readonly failures = new Set<string>();
  /** Until when a LIST could show a job that is open no more. */
  private lastOpenAt = 0;

  constructor(private readonly timeline: Timeline) {}

  get anyOpen(): boolean {
    return this.open.size > 0;
  }

  /** How many have failed: for ours, their receipt says so. */
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

  /** With a receipt, or in the plain chain's way: its model has failed, and nobody is told. */
  hasEnded(jobId: string): boolean {
    return this.ended.has(jobId) || this.failures.has(jobId);
  }

  /** Whether somebody who has looked since then can have seen an open one. */
  anyOpenSince(at: number): boolean {
    return this.anyOpen || this.lastOpenAt >= at;
  }

  /** One that has been open from before `at` until now. */
  openBefore(at: number): string | undefined {
    for (const [jobId, since] of this.open) if (since < at) return jobId;
    return undefined;
  }

  opened(jobId: string): void {
    if (!this.ended.has(jobId)) this.open.set(jobId, this.open.get(jobId) ?? this.timeline.now);
    // Whoever has looked for the receipt before it was there may create the record after it: who lists now sees a job.
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

  /** The plain chain's result. */
  plainResult(jobId: string): void {
    this.ended.set(jobId, this.timeline.now);
    this.failures.delete(jobId);
  }

  /** The plain chain's model has failed or left nothing. */
  plainFailure(jobId: string): void {
    if (!this.ended.has(jobId)) this.failures.add(jobId);
  }
}

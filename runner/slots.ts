/** The jobs that run side by side. All are of one model, and at most as many run as its card allows. */
export class Slots {
  private readonly running = new Map<string, { readonly slot: number; readonly ended: Promise<void> }>();
  private digest = '';
  private width = 1;
  /** A job that runs alone has the machine for itself. */
  private isTakenWhole = false;

  get isEmpty(): boolean {
    return this.running.size === 0;
  }

  get hasFree(): boolean {
    return this.running.size < this.width && !this.isTakenWhole;
  }

  runs(jobId: string): boolean {
    return this.running.has(jobId);
  }

  /** Switches to the model with this digest. Returns false while jobs of another model run. */
  switchTo(digest: string): boolean {
    if (digest === this.digest) return true;
    if (!this.isEmpty) return false;
    this.digest = digest;
    this.width = 1;
    return true;
  }

  /** Returns true if the number of slots has changed. */
  resize(width: number): boolean {
    const changed = width !== this.width;
    this.width = width;
    return changed;
  }

  lowestFree(): number {
    const used = new Set([...this.running.values()].map(({ slot }) => slot));
    let slot = 0;
    while (used.has(slot)) slot += 1;
    return slot;
  }

  fill(slot: number, jobId: string, ended: Promise<void>, alone: boolean): void {
    this.running.set(jobId, { slot, ended });
    this.isTakenWhole = alone;
  }

  free(jobId: string): void {
    this.running.delete(jobId);
    if (this.isEmpty) this.isTakenWhole = false;
  }

  allEnded(): Promise<unknown> {
    return Promise.all([...this.running.values()].map(({ ended }) => ended));
  }
}

import { messageOf } from '../../lifecycle/errors';
import type { Report } from './events';

/** Every timer and every piece of background work of one local cloud, so that stopping it leaves none behind. */
export class Timers {
  private readonly pending = new Set<NodeJS.Timeout>();
  private stopped = false;
  private underWay = 0;

  constructor(private readonly report: Report) {}

  /** Runs `work` once, after the given milliseconds, unless it is cancelled or everything stops. */
  after(milliseconds: number, what: string, work: () => unknown): () => void {
    if (this.stopped) return () => undefined;
    const timer = setTimeout(() => {
      this.pending.delete(timer);
      this.background(what, work);
    }, milliseconds);
    this.pending.add(timer);
    return () => this.cancel(timer);
  }

  /** The deliveries that have not ended. */
  get deliveries(): number {
    return this.underWay;
  }

  /** Like `after`, for what brings an event to a function; it counts as under way until `work` has ended. */
  deliver(milliseconds: number, what: string, work: () => Promise<void>): void {
    this.underWay += 1;
    this.after(milliseconds, what, () => work().finally(() => (this.underWay -= 1)));
  }

  /** Runs `work` every so many milliseconds. */
  every(milliseconds: number, what: string, work: () => unknown): () => void {
    if (this.stopped) return () => undefined;
    const timer = setInterval(() => this.background(what, work), milliseconds);
    this.pending.add(timer);
    return () => this.cancel(timer);
  }

  /** Runs `work` now, without anybody waiting for it; a failure is reported. */
  background(what: string, work: () => unknown): void {
    const begun = new Promise((resolve) => resolve(work()));
    void begun.catch((error: unknown) => {
      if (!this.stopped) this.report({ kind: 'warning', text: `${what}: ${messageOf(error)}` });
    });
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.pending) clearTimeout(timer);
    this.pending.clear();
  }

  private cancel(timer: NodeJS.Timeout): void {
    clearTimeout(timer);
    this.pending.delete(timer);
  }
}

import { messageOf } from '../../lifecycle/errors';
import type { Report } from './events';

/** Every timer and all background work of one local cloud. `stop` ends them all. */
export class Timers {
  private readonly pending = new Set<NodeJS.Timeout>();
  private stopped = false;
  private readonly delivering = new Set<{ readonly what: string }>();

  constructor(private readonly report: Report) {}

  /** Runs `work` once, after the given milliseconds. The returned function cancels it. */
  after(milliseconds: number, what: string, work: () => unknown): () => void {
    if (this.stopped) return () => undefined;
    const timer = setTimeout(() => {
      this.pending.delete(timer);
      this.background(what, work);
    }, milliseconds);
    this.pending.add(timer);
    return () => this.cancel(timer);
  }

  /** What each delivery that has not ended delivers. */
  get deliveries(): string[] {
    return [...this.delivering].map(({ what }) => what);
  }

  /** Like `after`, for the delivery of an event to a function. The delivery counts until `work` has ended. */
  deliver(milliseconds: number, what: string, work: () => Promise<void>): void {
    const delivery = { what };
    this.delivering.add(delivery);
    this.after(milliseconds, what, () => work().finally(() => this.delivering.delete(delivery)));
  }

  /** Runs `work` periodically. The returned function ends this. */
  every(milliseconds: number, what: string, work: () => unknown): () => void {
    if (this.stopped) return () => undefined;
    const timer = setInterval(() => this.background(what, work), milliseconds);
    this.pending.add(timer);
    return () => this.cancel(timer);
  }

  /** Runs `work` now and does not wait for its end. A failure is reported. */
  background(what: string, work: () => unknown): void {
    const running = new Promise((resolve) => resolve(work()));
    void running.catch((error: unknown) => {
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

import type { Check, MakeCheck } from './check-list';
import type { World } from './world';

/** A state that may last for a limited time only. Time before the faults are over does not count. */
export class BoundedSpan {
  private since: number | undefined;

  constructor(
    private readonly world: World,
    private readonly name: Check,
    private readonly boundMs: number,
    private readonly make: MakeCheck,
  ) {}

  /** Must be called when the state may have begun or ended. May end the history. */
  checkAndUpdate(lasts: boolean): void {
    if (lasts) {
      this.since ??= this.world.timeline.now;
      return;
    }
    this.check();
    this.since = undefined;
  }

  /** Checks how long the state has lasted, if it lasts. May end the history. */
  check(): void {
    if (this.since === undefined) return;
    const { timeline, faults } = this.world;
    const from = Math.max(this.since, faults.overAt);
    if (timeline.now < from) return;
    const lastedMs = timeline.now - from;
    this.make(this.name, lastedMs <= this.boundMs, () => `for ${Math.round(lastedMs / 1000)} s`);
  }
}

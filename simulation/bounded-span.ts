import type { Check, MakeCheck } from './check-list';
import type { World } from './world';

/** Something that may last only so long, faults over. */
export class BoundedSpan {
  private since: number | undefined;

  constructor(
    private readonly world: World,
    private readonly check: Check,
    private readonly boundMs: number,
    private readonly make: MakeCheck,
  ) {}

  /** To be called when it may have begun or ended. */
  follow(lasts: boolean): void {
    if (lasts) {
      this.since ??= this.world.timeline.now;
      return;
    }
    this.look();
    this.since = undefined;
  }

  /** Checks it while it lasts. */
  look(): void {
    if (this.since === undefined) return;
    const { timeline, faults } = this.world;
    const from = Math.max(this.since, faults.overAt);
    if (timeline.now < from) return;
    const lastedMs = timeline.now - from;
    this.make(this.check, lastedMs <= this.boundMs, () => `for ${Math.round(lastedMs / 1000)} s`);
  }
}

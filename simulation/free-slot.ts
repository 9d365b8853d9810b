import type { MakeCheck } from './check-list';
import type { SimProcess } from './process';
import type { SimModel } from './settings';
import type { World } from './world';

/** What the check of free slots needs of the other parts. */
interface SlotWorld extends World {
  readonly machine: {
    readonly workingDrain: SimProcess | undefined;
    readonly isDiskFullFelt: boolean;
    readonly programs: ReadonlySet<{ readonly isStuck: boolean }>;
  };
  readonly instance: { readonly paused: boolean };
  readonly people: { modelOf(jobId: string): SimModel | undefined };
}

/** The facts about claims that the check needs. */
interface ClaimFacts {
  /** Whether this drain has claimed the job and has not released it. */
  isHeld(jobId: string, drain: SimProcess): boolean;
  /** Whether the machine died while this job and others ran. Such jobs run one at a time. */
  isSuspect(jobId: string): boolean;
}

/** The longest time that a free slot may stay empty: twice the longest back-off, and calls that fail between. In milliseconds. */
const BOUND_MS = 12 * 60_000;

/** Watches that a drain fills its slots. Time during an outage or with a full disk does not count. */
export class FreeSlot {
  private since: number | undefined;
  private job: string | undefined;

  constructor(
    private readonly world: SlotWorld,
    private readonly claims: ClaimFacts,
    private readonly make: MakeCheck,
  ) {}

  /** Must be called when the jobs, the claims, the gate or the drain have changed. May end the history. */
  checkAndUpdate(isGateOpen: boolean): void {
    const job = isGateOpen ? this.jobThatCouldRun() : undefined;
    const { now } = this.world.timeline;
    if (this.since !== undefined) {
      const lastedMs = now - Math.max(this.since, this.world.faults.outages.feltUntil(now));
      this.make('a free slot is not left empty', lastedMs <= BOUND_MS, () => {
        return `for ${Math.round(lastedMs / 1000)} s, and job ${this.job?.slice(0, 6) ?? ''} is open`;
      });
    }
    this.since = job === undefined ? undefined : (this.since ?? now);
    this.job = job;
  }

  /** Called when a slot has been filled. */
  filled(): void {
    this.since = undefined;
  }

  private jobThatCouldRun(): string | undefined {
    const { machine, jobs, people, faults, timeline, instance } = this.world;
    const drain = machine.workingDrain;
    if (!drain || !jobs.anyOpen || instance.paused || faults.outages.isFeltAt(timeline.now)) return undefined;
    if (machine.isDiskFullFelt) return undefined;
    const open = jobs.openJobs();
    if (open.some((jobId) => this.claims.isSuspect(jobId))) return undefined;
    if ([...machine.programs].some(({ isStuck }) => isStuck)) return undefined;
    const busy = open.filter((jobId) => this.claims.isHeld(jobId, drain));
    const [current] = busy;
    const model = current === undefined ? undefined : people.modelOf(current);
    if (model && busy.length >= model.parallelJobs) return undefined;
    // The drain keeps the order of admission: a job of another model waits for the running ones, and so do all behind it.
    const next = open.find((jobId) => !busy.includes(jobId));
    return next === undefined || (model && people.modelOf(next) !== model) ? undefined : next;
  }
}

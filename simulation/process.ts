import type { Clock } from '../lifecycle/clock';
import type { Timeline } from './timeline';

type ProcessKind = 'trigger' | 'worker' | 'stop' | 'drain';

/** Something that runs production code: an execution of a function, or a drain. What is killed never goes on. */
export class SimProcess {
  readonly clock: Clock;
  readonly startedAt: number;
  alive = true;
  /** A settle that retires every finished job, not those only that a receipt's event names. */
  settlesAllJobs = false;
  /** When its StartInstances started the instance. */
  startedInstanceAt: number | undefined;
  /** Whether each StartInstances of its has met the instance `pending`; undefined: it has made none. */
  foundOnlyPending: boolean | undefined;
  /** It has invoked worker. */
  invoked = false;
  /** The breaker has tripped in it: it has set the pause. */
  tripped = false;
  /** The launch time that EC2 has shown it last. */
  describedLaunch: number | undefined;
  /** When it last wrote that the gate is CLOSED. */
  closedAt: number | undefined;
  /** So many calls to AWS were made. */
  calls = 0;
  /** So many of them failed for good, after all of the SDK's tries. */
  callsFailed = 0;
  private readonly onKilled: (() => void)[] = [];

  constructor(
    readonly timeline: Timeline,
    readonly kind: ProcessKind,
    readonly id: string,
    clockErrorMs: number,
  ) {
    this.startedAt = timeline.now;
    this.clock = {
      now: () => timeline.now + clockErrorMs,
      sleep: (milliseconds) =>
        new Promise((resolve) => {
          timeline.after(Math.ceil(milliseconds), () => {
            if (!this.alive) return;
            timeline.markCodeResumed();
            resolve();
          });
        }),
    };
  }

  /** Called once, when it has been killed. */
  whenKilled(react: () => void): void {
    this.onKilled.push(react);
  }

  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const react of this.onKilled) react();
  }
}

import type { Clock } from '../lifecycle/clock';
import type { Timeline } from './timeline';

export type ProcessKind = 'trigger' | 'worker' | 'stop' | 'drain';

/** An execution of a function, or a drain. A killed process runs no further code. */
export class SimProcess {
  readonly clock: Clock;
  readonly startedAt: number;
  alive = true;
  /** The process was killed. It did not end by itself. */
  wasKilled = false;
  /** The process has received SIGTERM. */
  wasInterrupted = false;
  /** How long the process has slept in all, in milliseconds. */
  sleptMs = 0;
  /** This settle retires every finished job. A settle for a receipt retires only the jobs that its event names. */
  settlesAllJobs = false;
  /** A settle by the schedule. */
  isSweep = false;
  /** When a StartInstances of this process started the instance. */
  startedInstanceAt: number | undefined;
  /** Whether every StartInstances of this process found the instance `pending`. Undefined if it made none. */
  foundOnlyPending: boolean | undefined;
  /** This process has invoked the worker. */
  invoked = false;
  /** The breaker has tripped in this process and has set the pause. */
  tripped = false;
  /** The launch time in the last description that EC2 returned. */
  describedLaunch: number | undefined;
  /** Whether every description that EC2 returned showed a start that EC2 has undone. Undefined: EC2 returned none. */
  sawOnlyUndone: boolean | undefined;
  /** Whether the last description showed that EC2 itself had stopped the instance. */
  sawEc2Stop = false;
  /** When the instance stopped, by the event for which the function runs. Undefined: it runs for something else. */
  stoppedAt: number | undefined;
  /** The ETag of the gate that this process last read. Empty: there was no gate. */
  gateRead = '';
  /** When this process last wrote CLOSED into the gate. */
  closedAt: number | undefined;
  /** The number of calls to AWS. */
  calls = 0;
  /** The number of calls that failed after all of the SDK's tries. */
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
            this.sleptMs += milliseconds;
            timeline.markCodeResumed();
            resolve();
          });
        }),
    };
  }

  /** Adds a callback. Called when the process is killed. */
  whenKilled(react: () => void): void {
    this.onKilled.push(react);
  }

  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    this.wasKilled = true;
    for (const react of this.onKilled) react();
  }
}

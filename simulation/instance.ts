import { HOLD_TAG, PAUSE_TAG, type InstanceState } from '../lifecycle/instance';
import { awsError } from './aws-error';
import type { SimProcess } from './process';
import type { World } from './world';
import type { StartTimes, WorkloadJob } from './workloads';

interface Description {
  readonly at: number;
  readonly state: InstanceState;
  readonly launchTime: number;
  readonly reason: string;
  readonly stateReason: StateReason | undefined;
  readonly tags: readonly { Key: string; Value: string }[];
}

/** EC2's reason for the last change of the state. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html */
interface StateReason {
  readonly Code: string;
  readonly Message: string;
}

const STATE_REASONS = {
  user: reasonOf('Client.UserInitiatedShutdown', 'User initiated shutdown'),
  inside: reasonOf('Client.InstanceInitiatedShutdown', 'Instance initiated shutdown'),
  spot: reasonOf('Server.SpotInstanceShutdown', 'Spot instance was stopped by EC2'),
  host: reasonOf('Server.InternalError', 'Internal error on launch'),
  capacity: reasonOf('Server.InsufficientInstanceCapacity', 'There is no capacity available'),
} as const;

function reasonOf(Code: string, message: string): StateReason {
  return { Code, Message: `${Code}: ${message}` };
}

/** What stopped the instance. `ours`: StopInstances of our functions, or the machine's own idle shutdown. */
export type Stopper = 'ours' | 'people' | 'EC2';

/** Time from the notice of a spot interruption to the interruption, in milliseconds. */
const NOTICE_MS = 120_000;

/** Maximum time from a start to the stop that undoes it, with a margin, in milliseconds. */
const UNDONE_MS = 118_000;

/** What the instance needs of the other parts. */
interface InstanceWorld extends World {
  readonly machine: { boot(): void; shutDown(stopper: Stopper, usualMs: number): number };
  readonly functions: { instanceChanged(state: 'running' | 'stopped'): void };
  readonly people: { nextJob(): WorkloadJob | undefined; instanceStops(): void };
  readonly checks: {
    checkDescribe(by: SimProcess): void;
    checkStart(by: SimProcess | 'people' | 'EC2'): void;
    checkStop(by: SimProcess): void;
    checkBreakerTrip(by: SimProcess): void;
    checkSpans(): void;
  };
}

/** The pipeline's EC2 instance. Descriptions may be stale. Calls act on the present state. */
export class SimInstance {
  state: InstanceState = 'stopped';
  launchTime: number;
  /** On-times, from the acceptance of a start until the instance begins to stop. The last may not have ended. */
  readonly onTimes: { from: number; to: number }[] = [];
  /** The times of being `running`, which EC2 bills. The last may not have ended. */
  readonly running: { from: number; to: number }[] = [];
  /** The given times of the present start, with a workload. */
  times: StartTimes | undefined;
  starts = 0;
  heldSince: number | undefined;
  pausedSince: number | undefined;
  /** When the pause was last removed. */
  unpausedAt = 0;
  /** When a start was last requested, accepted or not. */
  startRequestedAt = 0;
  /** EC2's notice of an interruption, in words. */
  notice: string | undefined;
  /** EC2 has interrupted the spot instance and has not started it again. */
  isInterrupted = false;
  private readonly tags = new Map<string, string>();
  private readonly descriptions: Description[] = [];
  private noCapacityUntil = 0;
  /** EC2's StateTransitionReason. */
  private reason = '';
  private stateReason: StateReason | undefined;
  /** The number of changes of the state. A planned change happens only if this number has not changed. */
  private change = 0;

  constructor(private readonly world: InstanceWorld) {
    this.launchTime = world.timeline.now - 3_600_000;
    this.recordDescription();
  }

  get held(): boolean {
    return this.tags.has(HOLD_TAG);
  }

  get paused(): boolean {
    return this.tags.has(PAUSE_TAG);
  }

  describe(to: SimProcess): object {
    const { timeline, faults, luck } = this.world;
    let lag = luck.between(0, 300);
    if (faults.strikes('describe stale')) lag = luck.between(1_000, 15_000);
    const then = timeline.now - lag;
    const described = this.descriptions.findLast(({ at }) => at <= then) ?? this.descriptions[0];
    if (!described) throw new Error('an instance without a history');
    to.describedLaunch = described.launchTime;
    to.sawEc2Stop =
      described.state === 'stopped' && described.stateReason?.Code.startsWith('Server.') === true;
    const onMs = (to.stoppedAt ?? Infinity) - described.launchTime;
    const isUndone = described.stateReason === STATE_REASONS.capacity && onMs < UNDONE_MS;
    to.sawOnlyUndone = to.sawOnlyUndone !== false && isUndone;
    this.world.checks.checkDescribe(to);
    const found = {
      State: { Name: described.state },
      LaunchTime: new Date(described.launchTime),
      StateTransitionReason: described.reason,
      ...(described.stateReason && { StateReason: described.stateReason }),
      Tags: described.tags,
    };
    return { Reservations: [{ Instances: [found] }] };
  }

  start(by: SimProcess | 'people' | 'EC2'): object {
    const { timeline, faults, luck } = this.world;
    const PreviousState = { Name: this.state };
    this.startRequestedAt = timeline.now;
    if (typeof by !== 'string')
      by.foundOnlyPending = by.foundOnlyPending !== false && this.state === 'pending';
    if (this.isInterrupted && by !== 'EC2') throw awsError('IncorrectSpotRequestState', 400);
    if (this.state === 'stopping') throw awsError('IncorrectInstanceState', 400);
    if (this.state === 'stopped') {
      if (by !== 'EC2') {
        if (faults.strikes('no capacity'))
          this.noCapacityUntil = timeline.now + luck.between(10_000, 600_000);
        if (timeline.now < this.noCapacityUntil && !faults.over) {
          throw awsError('InsufficientInstanceCapacity', 500);
        }
      }
      this.world.checks.checkStart(by);
      if (typeof by !== 'string') by.startedInstanceAt = timeline.now;
      this.starts += 1;
      this.onTimes.push({ from: timeline.now, to: Infinity });
      this.launchTime = Math.floor(timeline.now / 1000) * 1000;
      this.reason = '';
      this.stateReason = undefined;
      this.isInterrupted = false;
      this.changeState('pending');
      this.times = this.world.people.nextJob()?.start;
      this.later(this.times?.pendingMs ?? luck.spread(4_000, 20_000), () => {
        // EC2 starts an interrupted instance only when it has the capacity.
        if (by !== 'EC2' && faults.strikes('start falls back')) {
          this.stateReason = STATE_REASONS.capacity;
          this.endStopping();
        } else this.beginRunning();
      });
    }
    return { StartingInstances: [{ PreviousState, CurrentState: { Name: this.state } }] };
  }

  /** StopInstances. */
  stop(by: SimProcess | 'people'): object {
    const { faults, checks } = this.world;
    if (this.state === 'pending' && faults.strikes('stop refused')) {
      throw awsError('IncorrectInstanceState', 400);
    }
    const PreviousState = { Name: this.state };
    if (this.state === 'running' || this.state === 'pending') {
      if (by !== 'people') checks.checkStop(by);
      this.reason = userInitiated(this.world.timeline.now);
      this.beginStopping(by === 'people' ? 'people' : 'ours', 'user');
    }
    return { StoppingInstances: [{ PreviousState, CurrentState: { Name: this.state } }] };
  }

  /** Called when a stop is accepted, the machine powers itself off, or EC2 interrupts it. */
  beginStopping(stopper: Stopper, reason: keyof typeof STATE_REASONS | undefined): void {
    const { luck, machine, people } = this.world;
    if (this.state !== 'running' && this.state !== 'pending') return;
    this.stateReason = reason && STATE_REASONS[reason];
    this.notice = undefined;
    this.changeState('stopping');
    this.endOnTime();
    people.instanceStops();
    const downMs = machine.shutDown(stopper, luck.spread(250, 8_000));
    this.later(Math.max(luck.spread(8_000, 60_000), downMs + 1_000), () => this.endStopping());
  }

  /** EC2 interrupts the spot instance. Only EC2 starts it again, some time later, whether or not a job is open. */
  interrupt(): void {
    const { luck } = this.world;
    // The notice is best effort.
    const noticeMs = luck.chance(0.7) ? NOTICE_MS : 0;
    if (noticeMs > 0) this.notice = 'EC2 is about to stop the spot instance';
    this.later(noticeMs, () => {
      this.isInterrupted = true;
      this.beginStopping('EC2', 'spot');
    });
  }

  createTags(by: SimProcess, input: Readonly<Record<string, unknown>>): object {
    for (const { Key, Value } of input.Tags as { Key: string; Value: string }[]) {
      if (Key === PAUSE_TAG) {
        this.world.checks.checkBreakerTrip(by);
        by.tripped = true;
      }
      this.tag(Key, Value);
    }
    return {};
  }

  /** Sets a tag. `undefined` removes it. */
  tag(key: string, value: string | undefined): void {
    const { now } = this.world.timeline;
    if (value === undefined) this.tags.delete(key);
    else this.tags.set(key, value);
    this.heldSince = this.held ? (this.heldSince ?? now) : undefined;
    if (key === PAUSE_TAG && value === undefined) this.unpausedAt = now;
    this.pausedSince = this.paused ? (this.pausedSince ?? now) : undefined;
    this.recordDescription();
    this.world.checks.checkSpans();
  }

  private beginRunning(): void {
    this.changeState('running');
    this.running.push({ from: this.world.timeline.now, to: Infinity });
    this.world.machine.boot();
    this.world.functions.instanceChanged('running');
  }

  private endStopping(): void {
    this.endOnTime();
    this.changeState('stopped');
    this.world.functions.instanceChanged('stopped');
    if (!this.isInterrupted) return;
    const { timeline, luck } = this.world;
    timeline.after(luck.spread(10_000, 1_200_000), () => this.start('EC2'));
  }

  private endOnTime(): void {
    for (const last of [this.onTimes.at(-1), this.running.at(-1)]) {
      if (last?.to === Infinity) last.to = this.world.timeline.now;
    }
  }

  private changeState(state: InstanceState): void {
    this.state = state;
    this.change += 1;
    this.recordDescription();
    this.world.narrate?.('instance', state);
    this.world.checks.checkSpans();
  }

  private later(milliseconds: number, action: () => void): void {
    const { change } = this;
    this.world.timeline.after(milliseconds, () => {
      if (this.change === change) action();
    });
  }

  private recordDescription(): void {
    this.descriptions.push({
      at: this.world.timeline.now,
      state: this.state,
      launchTime: this.launchTime,
      reason: this.reason,
      stateReason: this.stateReason,
      tags: [...this.tags].map(([Key, Value]) => ({ Key, Value })),
    });
  }
}

/** EC2's reason for a StopInstances, which contains the time. Its reasons for other ends contain no time. */
function userInitiated(at: number): string {
  return `User initiated (${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} GMT)`;
}

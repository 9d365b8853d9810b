import { OUTAGE_FAULTS, Outages } from './outages';
import type { Random } from './random';
import type { Timeline } from './timeline';

/** Every kind of fault: its usual probability wherever it can strike, and its meaning. */
export const FAULTS = {
  'call refused': [0.02, 'a call is throttled or answered 5xx before it takes effect'],
  'answer lost': [0.02, 'a call takes effect, its answer is lost; the SDK repeats it'],
  'call late': [0.01, 'a call times out, is repeated, and takes effect up to 10 s later'],
  'call failed': [0.005, 'a call takes effect, but every answer is lost: the SDK gives up'],
  'call given up': [0.003, 'a call is refused until the SDK gives up, and never takes effect'],
  'call slow': [0.03, 'a call takes up to 4.5 s'],
  'write conflict': [0.03, 'S3 answers 409 to a conditional write'],
  'upload event lost': [0.2, 'the notification of an upload never arrives'],
  'upload event twice': [0.3, 'the notification of an upload arrives twice'],
  'upload event late': [0.3, 'the notification of an upload arrives up to 10 minutes late'],
  'receipt event lost': [0.3, 'the notification of a receipt never arrives'],
  'receipt event twice': [0.3, 'the notification of a receipt arrives twice'],
  'receipt event late': [0.3, 'the notification of a receipt arrives up to 10 minutes late'],
  'function crashes before a call': [0.01, 'a function dies instead of making a call'],
  'function crashes after a call': [0.01, 'a function dies when a call has taken effect'],
  'function hangs': [0.005, 'a function gets no answer any more and ends at its time limit'],
  'invocation lost': [0.05, 'an asynchronous invocation never happens'],
  'invocation twice': [0.1, 'an asynchronous invocation happens twice'],
  'invocation late': [0.1, 'an asynchronous invocation happens up to 3 minutes late'],
  'sweep missed': [0.3, 'a tick of the schedule never comes'],
  'state event lost': [0.3, "EC2's event that the instance is running or has stopped is lost"],
  'state event late': [
    0.3,
    "EC2's event that the instance is running or has stopped is up to 10 minutes late",
  ],
  'state event twice': [0.3, "EC2's event that the instance is running or has stopped comes twice"],
  'command event lost': [0.3, "SSM's event that a command has ended is lost"],
  'command event twice': [0.3, "SSM's event that a command has ended comes twice"],
  'command event late': [0.3, "SSM's event that a command has ended is up to 10 minutes late"],
  'no capacity': [0.25, 'InsufficientInstanceCapacity for some minutes'],
  'start falls back': [0.2, 'a pending instance stops again'],
  'stop refused': [0.5, 'IncorrectInstanceState for a StopInstances while pending'],
  'describe stale': [0.3, 'EC2 describes the instance as it was up to 15 s ago'],
  'instance crashes': [0.15, 'the host fails and the instance stops; per 10 minutes of running'],
  'instance reboots': [
    0.15,
    'the instance boots again by itself, its launch time stays; per 10 minutes of running',
  ],
  'spot interruption': [
    0.3,
    'EC2 takes a spot instance away and starts it again by itself; per 10 minutes of running',
  ],
  'person stops it': [0.1, 'a person stops the instance in the console; per 10 minutes of running'],
  'person starts it': [0.1, 'a person starts the instance in the console; per 10 minutes of standing'],
  'slow boot': [0.3, 'a boot takes up to 5 minutes'],
  'agent deaf': [0.05, 'the SSM agent does not register during this boot'],
  'registration late': [0.3, 'the SSM agent registers up to 4 minutes late'],
  'ping stale': [0.3, "SSM shows the agent's last ping of up to 2 minutes ago"],
  'instance not accepted': [0.3, 'InvalidInstanceId for a registered instance'],
  'command lost': [0.1, 'a command never reaches the agent, and times out'],
  'command late': [0.15, 'a command reaches the agent up to 5 minutes late'],
  'command twice': [0.15, 'a command is run twice'],
  'command again after boot': [0.5, 'the agent runs a command again after a boot'],
  'command status stale': [0.3, 'the status of a command is up to a minute old'],
  'drain killed': [0.15, 'the drain alone is killed; per 10 minutes of draining'],
  'drain dies at a call': [0.005, 'the drain dies before or after one of its calls'],
  'model fails': [0.25, 'the model exits with 1'],
  'model hangs': [0.15, 'the model does not end by itself'],
  'model ignores SIGTERM': [0.5, 'a hanging model has to be killed'],
  'model writes nothing': [0.1, 'the model exits with 0 and leaves no file'],
  'setup fails': [0.2, "the model's setup exits with 1"],
  'clocks differ': [0.5, 'the clock of a function or of the instance is up to 3 s off'],
  'person holds': [0.4, 'a person sets lamplighter:hold and removes it again'],
  'person pauses': [0.4, 'a person sets lamplighter:pause and removes it again'],
  'S3 outage': [0.5, 'S3 answers 503 or not at all to some calls for up to 25 minutes'],
  'S3 refuses': [0.5, 'S3 answers 403 to some calls for up to 25 minutes'],
  'service outage': [0.5, 'EC2, SSM or Lambda answers 503 or not at all for up to 25 minutes'],
  'job takes the machine down': [0.1, 'a job crashes or reboots the machine, some times or each time'],
  'disk full': [0.05, 'the disk is full for up to 20 minutes or until the next boot'],
  'SIGKILL has no effect': [
    0.3,
    'a program that is killed at its time limit stays until the machine reboots',
  ],
  'invocation throttled': [0.5, 'a function is at its limit of concurrency; Lambda tries again later'],
  'clocks minutes apart': [0.3, "the instance's clock is up to 5 minutes off during a boot"],
  'hold unreadable': [0.3, 'the metadata service does not answer for up to 8 minutes'],
  'slow shutdown': [0.5, 'a shutdown takes up to 90 s: it ends the models first, and the drain last'],
  'reboot in order': [0.1, 'a person or an update reboots the machine; per 10 minutes of running'],
  'model survives SIGTERM': [
    0.5,
    'a model that a shutdown ends exits with 0 or 1, perhaps with half of its files',
  ],
  'program not begun': [0.05, 'systemd or setpriv fails before the program begins'],
  'program killed': [0.05, 'a person, a daemon or the kernel ends a program by a signal'],
} as const satisfies Record<string, readonly [share: number, meaning: string]>;

export type Fault = keyof typeof FAULTS;

/** Maximum error of the instance's clock, in milliseconds. */
const BOOT_CLOCK_ERROR_MS = 5 * 60_000;

export const FAULT_NAMES = Object.keys(FAULTS) as Fault[];

interface DrawnKinds {
  /** Draws the kinds. A stream of its own, so that the kinds do not depend on what has happened. */
  readonly shape: Random;
  readonly allowed: readonly Fault[];
  /** Every allowed kind is chosen, whatever their number. */
  readonly choosesAll: boolean;
}

/** The faults of one history: some kinds, each with a drawn probability, until `overAt`. */
export class Faults {
  readonly injected = new Map<Fault, number>();
  readonly outages: Outages;
  private readonly shares = new Map<Fault, number>();

  constructor(
    private readonly timeline: Timeline,
    /** Draws whether a fault strikes. */
    private readonly luck: Random,
    /** When faults are over, in milliseconds since the epoch. */
    readonly overAt: number,
    /** One chosen call fails, in addition to the drawn faults. */
    readonly hasCrashPoint: boolean,
    { shape, allowed, choosesAll }: DrawnKinds,
  ) {
    // Some histories have no faults, some have a few kinds and some have nearly all. Each shows other errors.
    const width = shape.pick([0, 0.05, 0.05, 0.15, 0.15, 0.3, 0.6]);
    for (const fault of allowed) {
      const chosen = shape.chance(choosesAll || allowed.length <= 3 ? 1 : width);
      const strength = shape.pick([0.5, 1, 1, 2.5]);
      if (chosen) this.shares.set(fault, Math.min(FAULTS[fault][0] * strength, 0.9));
    }
    const onFirstStrike = (fault: Fault) => this.count(fault);
    this.outages = new Outages({ shape, beginning: timeline.now, overAt, onFirstStrike });
    for (const fault of OUTAGE_FAULTS) {
      const share = this.shares.get(fault);
      for (let count = 0; count < 2; count += 1) {
        if (share !== undefined && shape.chance(share)) this.outages.add(fault);
      }
    }
  }

  /** Whether no fault can strike in this history. */
  get none(): boolean {
    return this.shares.size === 0 && !this.hasCrashPoint;
  }

  get over(): boolean {
    return this.timeline.now >= this.overAt;
  }

  get names(): Fault[] {
    return [...this.shares.keys()];
  }

  /** The error of a new process's clock, in milliseconds. */
  clockErrorMs(): number {
    return this.strikes('clocks differ') ? this.luck.between(-3_000, 3_000) : 0;
  }

  /** The error of the instance's clock during a boot, in milliseconds. */
  bootClockErrorMs(): number {
    return this.strikes('clocks minutes apart')
      ? this.luck.between(-BOOT_CLOCK_ERROR_MS, BOOT_CLOCK_ERROR_MS)
      : 0;
  }

  /** Maximum error of the instance's clock in this history, in milliseconds. */
  get greatestBootClockErrorMs(): number {
    return this.has('clocks minutes apart') ? BOOT_CLOCK_ERROR_MS : 0;
  }

  has(fault: Fault): boolean {
    return this.shares.has(fault);
  }

  /** Draws whether the fault strikes now. Counts it if so. */
  strikes(fault: Fault): boolean {
    if (!this.isDrawn(fault)) return false;
    this.count(fault);
    return true;
  }

  /** Draws whether the fault will strike later. The caller counts it then. */
  isDrawn(fault: Fault): boolean {
    const share = this.shares.get(fault);
    return share !== undefined && !this.over && this.luck.chance(share);
  }

  /** The number of faults that have struck, of all kinds. */
  get timesStruck(): number {
    return [...this.injected.values()].reduce((sum, times) => sum + times, 0);
  }

  count(fault: Fault): void {
    this.injected.set(fault, (this.injected.get(fault) ?? 0) + 1);
  }
}

import { drain } from '../runner/drain';
import { InterruptedError } from '../runner/failures';
import { holdInForce, isIdle, type HoldAnswer } from '../runner/idle';
import type { Hold } from '../runner/metadata';
import { SimHost, type Disk, type HostWorld } from './host';
import type { SimInstance, Stopper } from './instance';
import type { DeathCause } from './run-ends';
import { SimProcess } from './process';
import { SimProgram } from './program';
import { LONGEST_SHUTDOWN_MS } from './settings';
import { statusOf, type SimCommand, type SimSsm } from './ssm';
import { logOf } from './story';

/** Period of the idle timer, in milliseconds. */
const IDLE_TIMER_MS = 60_000;
/** Period in which the host may fail, in milliseconds. */
const HOST_FAULT_PERIOD_MS = 600_000;

/** The longest pause of a drain between two attempts, and their beginning. In milliseconds. */
const LONGEST_BACK_OFF_MS = 6 * 60_000;

/** What the machine needs of the other parts. */
interface MachineWorld extends HostWorld {
  readonly instance: SimInstance;
  readonly ssm: SimSsm;
  readonly machine: Machine;
  readonly wire: { client(process: SimProcess): object };
  readonly functions: { receiptWritten(key: string): void; deliverHeldEvents(): void };
  readonly checks: HostWorld['checks'] & {
    checkSpans(): void;
    checkStop(by: 'the idle timer'): void;
    checkPowerOff(): void;
    checkDrainEnd(drain: SimProcess): void;
    checkError(drain: SimProcess, error: unknown): void;
    noteInterruption(drain: SimProcess): void;
    noteMachineDown(cause: DeathCause): void;
  };
}

interface Boot {
  readonly id: string;
  /** When the kernel started, in milliseconds since the epoch. */
  readonly from: number;
  /** When the boot had ended. */
  readonly at: number;
  /** The error of the machine's clock, in milliseconds. */
  readonly clockErrorMs: number;
}

/** What runs on the instance: the commands of the agent, the drain, its models and the idle timer. And its disk. */
export class Machine {
  /** Survives a reboot. */
  readonly disk: Disk & { broughtUp: boolean; readonly unfinished: Set<SimCommand> } = {
    heartbeatAt: undefined,
    broughtUp: false,
    account: undefined,
    shutdowns: new Map(),
    models: new Map(),
    unfinished: new Set(),
  };
  readonly programs = new Set<SimProgram>();
  boots = 0;
  drains = 0;
  private currentBoot: Boot | undefined;
  /** The idle timer has begun the shutdown. It holds the drain lock until the machine is off. */
  private isShuttingDown = false;
  /** systemd ends its units, and starts none. */
  isGoingDown = false;
  /** The drain that holds the drain lock. */
  private lockHolder: SimProcess | undefined;
  /** The commands that wait for the drain lock. */
  private waitingCommands: SimCommand[] = [];
  /** The number of drains that were killed. */
  drainsKilled = 0;
  /** The number of power-ons and power-offs. A planned action happens only if this number has not changed. */
  private powerChanges = 0;
  /** Until when the disk is full, in milliseconds since the epoch. A boot ends it. */
  private diskFullUntil = 0;
  /** When a write last failed because the disk was full. */
  private diskLastFullAt = -Infinity;
  /** How long a drain waited because of a full disk, at most. In milliseconds. */
  diskFullMs = 0;
  /** How often each job that takes the machine down will do so yet. 0: never. */
  private readonly takedowns = new Map<string, number>();
  /** Until when the metadata service is silent, in milliseconds since the epoch. */
  private metadataSilentUntil = 0;
  /** The idle timer's file with the last answer about the hold. */
  private lastHold: HoldAnswer | undefined;

  constructor(private readonly world: MachineWorld) {}

  get isDraining(): boolean {
    return this.lockHolder !== undefined;
  }

  boot(): void {
    const { faults, luck, instance } = this.world;
    const usual = () => instance.times?.bootMs ?? luck.spread(2_000, 15_000);
    const delay = faults.strikes('slow boot') ? luck.spread(20_000, 300_000) : usual();
    this.powerChanges += 1;
    const from = this.world.timeline.now;
    this.later(delay, () => this.endBoot(from));
  }

  /** Runs a command as the agent does: brings the machine up, waits for the drain at work, then drains. */
  runCommand(command: SimCommand): void {
    const { ssm, luck, instance } = this.world;
    if (!this.currentBoot) return;
    this.disk.unfinished.add(command);
    if (statusOf(command) === 'Pending') ssm.report(command, 'InProgress');
    const checkMs = () => instance.times?.checkMs ?? luck.spread(100, 1_500);
    const bringUpMs = this.disk.broughtUp ? checkMs() : luck.spread(2_000, 60_000);
    this.later(bringUpMs, () => {
      if (command.job !== undefined) {
        this.runPlain(command, command.job);
        return;
      }
      this.disk.broughtUp = true;
      this.drainAfterOthers(command);
    });
  }

  private drainAfterOthers(command: SimCommand): void {
    if (!this.lockHolder && !this.isShuttingDown) {
      this.startDrain(command);
      return;
    }
    this.world.narrate?.(command.id, 'waits for the drain lock');
    this.waitingCommands.push(command);
  }

  /** Whether the disk is full, or a drain may still wait because it was. */
  get isDiskFullFelt(): boolean {
    return this.world.timeline.now - this.diskLastFullAt < LONGEST_BACK_OFF_MS;
  }

  /** The drain at work, if it has not been told to end. */
  get workingDrain(): SimProcess | undefined {
    return this.lockHolder?.wasInterrupted === false ? this.lockHolder : undefined;
  }

  /** The host fails, and the machine loses power at once. EC2 may give a reason. */
  crash(why: string): void {
    this.world.narrate?.('machine', `crashes (${why})`);
    this.powerOff('EC2', 'unexplained');
    this.world.instance.beginStopping('EC2', this.world.luck.chance(0.5) ? 'host' : undefined);
  }

  /** Boots again without notice. */
  reboot(): void {
    this.powerOff('EC2', 'unexplained');
    this.boot();
  }

  /** Called when the drain reboots the machine. */
  rebootInOrder(): void {
    this.world.narrate?.('machine', 'reboots for the drain');
    this.powerOff('EC2', 'explained');
    this.boot();
  }

  isTakenDownBy(jobId: string): boolean {
    const { faults, luck } = this.world;
    let left = this.takedowns.get(jobId);
    if (left === undefined) {
      const isDrawn = faults.isDrawn('job takes the machine down');
      left = isDrawn ? luck.pick([1, 1, 2, 3, Infinity, Infinity]) : 0;
      this.takedowns.set(jobId, left);
    }
    return left > 0;
  }

  goDownBy({ jobId, name }: SimProgram): void {
    const { faults, luck } = this.world;
    faults.count('job takes the machine down');
    this.takedowns.set(jobId, (this.takedowns.get(jobId) ?? 1) - 1);
    this.world.narrate?.(name, 'takes the machine down');
    if (luck.chance(0.7)) {
      this.reboot();
      return;
    }
    this.powerOff('EC2', 'unexplained');
    this.world.instance.beginStopping('EC2', undefined);
  }

  get isUp(): boolean {
    return this.currentBoot !== undefined;
  }

  /** Whether the metadata service has shown this boot people's hold. A hold that is set while it is silent is not known. */
  get knowsHold(): boolean {
    return this.lastHold?.hold === 'held' && this.lastHold.bootId === this.currentBoot?.id;
  }

  private holdInForce({ id: bootId, from }: Boot): Hold {
    const now = { bootId, uptimeSeconds: (this.world.timeline.now - from) / 1000 };
    const hold = this.readHold();
    if (hold !== 'unknown') this.lastHold = { ...now, hold };
    return holdInForce(hold, this.lastHold, now);
  }

  isDiskFull(by: SimProcess): boolean {
    const { timeline, faults, luck, checks } = this.world;
    if (faults.over) return false;
    if (timeline.now >= this.diskFullUntil) {
      if (!faults.strikes('disk full')) return false;
      this.diskFullUntil = luck.chance(0.5) ? timeline.now + luck.spread(5_000, 1_200_000) : Infinity;
    }
    this.world.narrate?.('machine', 'the disk is full');
    this.diskFullMs += Math.min(timeline.now - this.diskLastFullAt, LONGEST_BACK_OFF_MS);
    this.diskLastFullAt = timeline.now;
    checks.noteInterruption(by);
    return true;
  }

  /** What the metadata service answers about people's hold. It is never silent twice without an answer between. */
  private readHold(): Hold {
    const { timeline, faults, luck, instance } = this.world;
    if (timeline.now < this.metadataSilentUntil) return 'unknown';
    if (this.metadataSilentUntil === 0 && faults.strikes('hold unreadable')) {
      this.metadataSilentUntil = timeline.now + luck.spread(1_000, 480_000);
      return 'unknown';
    }
    this.metadataSilentUntil = 0;
    return instance.held ? 'held' : 'not held';
  }

  /**
   * The operating system shuts down: it sends SIGTERM to the models at once and to the drain later, and after the delay
   * the power is off. Or it hangs. Returns the delay.
   */
  shutDown(stopper: Stopper, usualMs: number): number {
    const { faults, luck, narrate } = this.world;
    const isSlow = faults.strikes('slow shutdown');
    const delay = isSlow ? luck.spread(usualMs, LONGEST_SHUTDOWN_MS) : usualMs;
    narrate?.('machine', 'begins to shut down');
    if (stopper === 'ours' && this.currentBoot) this.world.checks.checkPowerOff();
    this.endUnits(isSlow ? delay - 1 : luck.between(0, delay));
    this.later(delay, () => this.powerOff(stopper, 'explained'));
    return delay;
  }

  /** What systemd does first in a shutdown. Sometimes the drain hears nothing before the power is off. */
  private endUnits(drainAfterMs: number): void {
    this.isGoingDown = this.currentBoot !== undefined;
    for (const program of this.programs) program.shutDown();
    if (this.world.luck.chance(0.9)) this.later(drainAfterMs, () => this.interrupt?.());
  }

  /** A person or an update reboots the machine. Only a note of the drain tells the next one of it. */
  private shutDownAndBoot(): void {
    const { faults, luck } = this.world;
    const bootId = this.currentBoot?.id ?? '';
    const delay = luck.spread(250, faults.strikes('slow shutdown') ? LONGEST_SHUTDOWN_MS : 8_000);
    this.endUnits(delay - 1);
    this.later(delay, () => {
      this.powerOff('EC2', this.disk.shutdowns.has(bootId) ? 'explained' : 'unexplained');
      this.boot();
    });
  }

  private interrupt: (() => void) | undefined;

  private endBoot(from: number): void {
    const { timeline, faults, luck, ssm, instance } = this.world;
    if (instance.state !== 'running') return;
    this.boots += 1;
    this.diskFullUntil = 0;
    const clockErrorMs = faults.bootClockErrorMs();
    this.currentBoot = { id: `boot-${this.boots}`, from, at: timeline.now, clockErrorMs };
    this.world.narrate?.('machine', `${this.currentBoot.id} is up`);
    this.planIdleTimer();
    this.planHostFault(luck.spread(1_000, HOST_FAULT_PERIOD_MS));
    if (faults.strikes('agent deaf')) return;
    const usual = () => instance.times?.registrationMs ?? luck.spread(500, 8_000);
    const lag = faults.strikes('registration late') ? luck.spread(20_000, 240_000) : usual();
    this.later(lag, () => {
      ssm.agentRegistered();
      for (const command of [...this.disk.unfinished]) this.resume(command);
    });
  }

  /** The plain chain: the command itself runs the model. The event of its result stops the instance. */
  private runPlain(command: SimCommand, job: string): void {
    const { world } = this;
    const [model] = world.settings.models;
    if (!this.currentBoot || !model) return;
    const process = new SimProcess(world.timeline, 'drain', command.id, 0);
    const quiet = { stdout: () => undefined, stderr: () => undefined };
    const program = new SimProgram(world, process, job, model, 'run', 0, quiet);
    void program.ended.then(({ code }) => {
      if (code !== 0 || program.files === 0) {
        world.jobs.plainFailure(job);
        return;
      }
      world.jobs.plainResult(job);
      world.functions.receiptWritten(`results/x/${job}/receipt.json`);
    });
  }

  private resume(command: SimCommand): void {
    const { faults, luck } = this.world;
    this.disk.unfinished.delete(command);
    if (faults.strikes('command again after boot')) this.runCommand(command);
    else if (luck.chance(0.5)) this.endCommand(command, 'Failed', 'lost in a reboot');
  }

  private startDrain(command: SimCommand): void {
    const { world } = this;
    const { timeline, faults, luck, settings } = world;
    const { currentBoot } = this;
    if (!currentBoot) return;
    this.drains += 1;
    const clockErrorMs = currentBoot.clockErrorMs + faults.clockErrorMs();
    const process = new SimProcess(timeline, 'drain', `drain #${this.drains}`, clockErrorMs);
    this.lockHolder = process;
    faults.outages.cue('a drain begins', timeline.now);
    world.functions.deliverHeldEvents();
    world.checks.checkSpans();
    world.narrate?.(process.id, `begins, for ${command.id}`);
    const interrupt = new AbortController();
    this.interrupt = () => {
      timeline.markCodeResumed();
      process.wasInterrupted = true;
      world.checks.noteInterruption(process);
      world.narrate?.(process.id, 'receives SIGTERM');
      interrupt.abort(new InterruptedError('the drain received SIGTERM'));
    };
    process.whenKilled(() => {
      this.drainsKilled += 1;
      world.checks.noteInterruption(process);
      this.unlock(process);
      this.later(luck.between(100, 2_000), () => this.endCommand(command, 'Failed', 'killed'));
    });
    this.planDrainKill(process);
    const exit = (status: 'Success' | 'Failed', why: string) => {
      if (!process.alive) return;
      process.alive = false;
      this.unlock(process);
      world.checks.checkDrainEnd(process);
      this.endCommand(command, status, why);
    };
    const launchedAt = new Date(world.instance.launchTime).toISOString();
    timeline.markCodeResumed();
    drain({
      config: {
        version: 1,
        pipeline: 'p',
        region: 'eu-central-1',
        dataBucket: 'data',
        outputBucket: 'output',
        controlBucket: 'control',
        leaseSeconds: settings.leaseSeconds,
        lingerSeconds: settings.lingerSeconds,
        idleShutdownMinutes: settings.idleShutdownMinutes,
      },
      s3: world.wire.client(process) as never,
      clock: process.clock,
      host: new SimHost(world, process, currentBoot.id, currentBoot.from, launchedAt),
      log: logOf(world, process.id),
      drainId: process.id,
      interrupt: interrupt.signal,
    }).then(
      (end) => exit(end === 'left' ? 'Failed' : 'Success', end),
      (error: unknown) => {
        world.checks.checkError(process, error);
        exit('Failed', String(error));
      },
    );
  }

  private planDrainKill(process: SimProcess): void {
    const { timeline, faults, luck, narrate } = this.world;
    if (faults.over) return;
    if (!faults.isDrawn('drain killed')) {
      if (faults.has('drain killed')) {
        timeline.after(HOST_FAULT_PERIOD_MS, () => {
          if (process.alive) this.planDrainKill(process);
        });
      }
      return;
    }
    timeline.after(luck.spread(100, HOST_FAULT_PERIOD_MS), () => {
      if (!process.alive || faults.over) return;
      faults.count('drain killed');
      narrate?.(process.id, 'is killed');
      process.kill();
    });
  }

  private unlock(process: SimProcess): void {
    if (this.lockHolder !== process) return;
    this.lockHolder = undefined;
    this.interrupt = undefined;
    this.world.checks.checkSpans();
    const next = this.waitingCommands.shift();
    if (next) this.later(this.world.luck.between(1, 50), () => this.drainAfterOthers(next));
  }

  private endCommand(command: SimCommand, status: 'Success' | 'Failed', why: string): void {
    this.world.narrate?.(command.id, `ends: ${why}`);
    this.disk.unfinished.delete(command);
    const last = statusOf(command);
    if (last === 'Pending' || last === 'InProgress') this.world.ssm.report(command, status);
  }

  private powerOff(stopper: Stopper, cause: DeathCause): void {
    this.powerChanges += 1;
    if (!this.currentBoot) return;
    if (stopper === 'ours') this.world.checks.checkPowerOff();
    this.world.checks.noteMachineDown(cause);
    for (const program of [...this.programs]) program.remove();
    const drain = this.lockHolder;
    this.waitingCommands = [];
    this.currentBoot = undefined;
    this.isShuttingDown = false;
    this.isGoingDown = false;
    this.world.ssm.agentStopped();
    drain?.kill();
    this.world.narrate?.('machine', 'is off');
  }

  private planIdleTimer(): void {
    this.later(IDLE_TIMER_MS, () => {
      const { timeline, settings, checks, plainChain, instance } = this.world;
      const idle =
        this.currentBoot &&
        !plainChain &&
        this.disk.broughtUp &&
        !this.lockHolder &&
        isIdle({
          now: timeline.now,
          bootedAt: this.currentBoot.at,
          heartbeatAt: this.disk.heartbeatAt,
          hold: this.holdInForce(this.currentBoot),
          idleShutdownMinutes: settings.idleShutdownMinutes,
        });
      if (idle === true) {
        this.world.narrate?.('machine', 'switches itself off: idle');
        checks.checkStop('the idle timer');
        this.isShuttingDown = true;
        instance.beginStopping('ours', 'inside');
      } else {
        this.planIdleTimer();
      }
    });
  }

  private planHostFault(delay: number): void {
    this.later(delay, () => {
      const { faults, instance, settings } = this.world;
      if (faults.strikes('instance crashes')) {
        this.crash('host failure');
      } else if (faults.strikes('instance reboots')) {
        this.world.narrate?.('machine', 'reboots by itself');
        this.reboot();
      } else if (faults.strikes('reboot in order')) {
        this.world.narrate?.('a person', 'reboots the machine');
        this.shutDownAndBoot();
      } else if (settings.isSpot && instance.state === 'running' && faults.strikes('spot interruption')) {
        this.world.narrate?.('EC2', 'interrupts the instance');
        instance.interrupt();
      } else if (faults.strikes('person stops it')) {
        this.world.narrate?.('a person', 'stops the instance');
        instance.stop('people');
      } else if (!faults.over) {
        this.planHostFault(HOST_FAULT_PERIOD_MS);
      }
    });
  }

  private later(milliseconds: number, action: () => void): void {
    const { powerChanges } = this;
    this.world.timeline.after(milliseconds, () => {
      if (this.powerChanges === powerChanges) action();
    });
  }
}

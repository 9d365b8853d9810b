import { drain } from '../runner/drain';
import { InterruptedError } from '../runner/failures';
import { isIdle } from '../runner/idle';
import { SimHost, type Disk, type HostWorld } from './host';
import type { SimInstance, Stopper } from './instance';
import { SimProcess } from './process';
import { SimProgram } from './program';
import { statusOf, type SimCommand, type SimSsm } from './ssm';
import { logOf } from './story';

const IDLE_TIMER_MS = 60_000;
const MISFORTUNE_MS = 600_000;

/** What the machine needs of the other parts. */
interface MachineWorld extends HostWorld {
  readonly instance: SimInstance;
  readonly ssm: SimSsm;
  readonly machine: Machine;
  readonly wire: { client(process: SimProcess): object };
  readonly functions: { receiptWritten(key: string): void; drainBegins(): void };
  readonly checks: HostWorld['checks'] & {
    look(): void;
    beforeOurStop(by: 'the idle timer'): void;
    offByOurStop(): void;
    drainEnded(drain: SimProcess): void;
    mustBeExpected(drain: SimProcess, error: unknown): void;
  };
}

interface Boot {
  readonly id: string;
  /** When the kernel started. */
  readonly from: number;
  /** When it was up. */
  readonly at: number;
}

/** What runs on the instance: the agent's commands, the drain, its models, the idle-shutdown timer; and its disk. */
export class Machine {
  /** Stays from boot to boot. */
  readonly disk: Disk & { broughtUp: boolean; readonly unfinished: Set<SimCommand> } = {
    heartbeatAt: undefined,
    broughtUp: false,
    account: undefined,
    models: new Map(),
    unfinished: new Set(),
  };
  readonly programs = new Set<SimProgram>();
  boots = 0;
  drains = 0;
  private up: Boot | undefined;
  /** The idle timer has asked for the end, and holds the drain lock until then. */
  private goingDown = false;
  /** Who holds the drain lock. */
  private lock: SimProcess | undefined;
  /** Who waits for it. */
  private waiting: SimCommand[] = [];
  /** Drains that came to no end of their own. */
  drainsKilled = 0;
  /** Counts power-ons and power-offs, so that what was planned for an earlier life does not happen in a later one. */
  private life = 0;

  constructor(private readonly world: MachineWorld) {}

  get drainLives(): boolean {
    return this.lock !== undefined;
  }

  boot(): void {
    const { faults, luck, instance } = this.world;
    const usual = () => instance.times?.bootMs ?? luck.spread(2_000, 15_000);
    const delay = faults.strikes('slow boot') ? luck.spread(20_000, 300_000) : usual();
    this.life += 1;
    const from = this.world.timeline.now;
    this.later(delay, () => this.isUp(from));
  }

  /** Runs a command as the agent does: bring the machine up, then drain, after the drain that is at work. */
  runCommand(command: SimCommand): void {
    const { ssm, luck, instance } = this.world;
    if (!this.up) return;
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
    if (!this.lock && !this.goingDown) {
      this.startDrain(command);
      return;
    }
    this.world.tell?.(command.id, 'waits for the drain lock');
    this.waiting.push(command);
  }

  /** The host fails. */
  crash(why: string): void {
    this.world.tell?.('machine', `crashes (${why})`);
    this.powerOff('EC2');
    this.world.instance.goDown('EC2');
  }

  /** The operating system goes down: the drain may be told, and after the delay all is dead. */
  shutDown(stopper: Stopper, delay: number): void {
    const { timeline, luck } = this.world;
    if (luck.chance(0.5)) this.interrupt?.();
    const { life } = this;
    timeline.after(delay, () => {
      if (this.life === life) this.powerOff(stopper);
    });
  }

  private interrupt: (() => void) | undefined;

  private isUp(from: number): void {
    const { timeline, faults, luck, ssm, instance } = this.world;
    if (instance.state !== 'running') return;
    this.boots += 1;
    this.up = { id: `boot-${this.boots}`, from, at: timeline.now };
    this.world.tell?.('machine', `${this.up.id} is up`);
    this.planIdleTimer();
    this.planMisfortune(luck.spread(1_000, MISFORTUNE_MS));
    if (faults.strikes('agent deaf')) return;
    const usual = () => instance.times?.registrationMs ?? luck.spread(500, 8_000);
    const lag = faults.strikes('registration late') ? luck.spread(20_000, 240_000) : usual();
    this.later(lag, () => {
      ssm.registered();
      for (const command of [...this.disk.unfinished]) this.resume(command);
    });
  }

  /** The plain chain: the command itself runs the model, and its result is the event that stops the instance. */
  private runPlain(command: SimCommand, job: string): void {
    const { world } = this;
    const [model] = world.settings.models;
    if (!this.up || !model) return;
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
    else if (luck.chance(0.5)) this.ended(command, 'Failed', 'lost in a reboot');
  }

  private startDrain(command: SimCommand): void {
    const { world } = this;
    const { timeline, faults, luck, settings } = world;
    const { up } = this;
    if (!up) return;
    this.drains += 1;
    const process = new SimProcess(timeline, 'drain', `drain #${this.drains}`, faults.clockErrorMs());
    this.lock = process;
    world.functions.drainBegins();
    world.checks.look();
    world.tell?.(process.id, `begins, for ${command.id}`);
    const interrupt = new AbortController();
    this.interrupt = () => {
      timeline.stir();
      interrupt.abort(new InterruptedError('the drain was told to stop (SIGTERM)'));
    };
    process.whenKilled(() => {
      this.drainsKilled += 1;
      this.unlock(process);
      this.later(luck.between(100, 2_000), () => this.ended(command, 'Failed', 'killed'));
    });
    if (faults.isDrawn('drain killed')) {
      timeline.after(luck.spread(100, 600_000), () => {
        if (!process.alive || faults.over) return;
        faults.count('drain killed');
        world.tell?.(process.id, 'is killed');
        process.kill();
      });
    }
    const exit = (status: 'Success' | 'Failed', why: string) => {
      if (!process.alive) return;
      process.alive = false;
      this.unlock(process);
      world.checks.drainEnded(process);
      this.ended(command, status, why);
    };
    timeline.stir();
    drain({
      config: {
        version: 1,
        pipeline: 'p',
        region: 'eu-central-1',
        dataBucket: 'data',
        outputBucket: 'output',
        controlBucket: 'control',
        leaseSeconds: settings.leaseSeconds,
        idleShutdownMinutes: settings.idleShutdownMinutes,
      },
      s3: world.wire.client(process) as never,
      clock: process.clock,
      host: new SimHost(world, process, up.id, up.from),
      log: logOf(world, process.id),
      drainId: process.id,
      interrupt: interrupt.signal,
    }).then(
      (end) => exit(end === 'left' ? 'Failed' : 'Success', end),
      (error: unknown) => {
        world.checks.mustBeExpected(process, error);
        exit('Failed', String(error));
      },
    );
  }

  private unlock(process: SimProcess): void {
    if (this.lock !== process) return;
    this.lock = undefined;
    this.interrupt = undefined;
    this.world.checks.look();
    const next = this.waiting.shift();
    if (next) this.later(this.world.luck.between(1, 50), () => this.drainAfterOthers(next));
  }

  private ended(command: SimCommand, status: 'Success' | 'Failed', why: string): void {
    this.world.tell?.(command.id, `ends: ${why}`);
    this.disk.unfinished.delete(command);
    const last = statusOf(command);
    if (last === 'Pending' || last === 'InProgress') this.world.ssm.report(command, status);
  }

  private powerOff(stopper: Stopper): void {
    this.life += 1;
    if (!this.up) return;
    if (stopper === 'ours') this.world.checks.offByOurStop();
    for (const program of [...this.programs]) program.vanish();
    const drain = this.lock;
    this.waiting = [];
    this.up = undefined;
    this.goingDown = false;
    this.world.ssm.silenced();
    drain?.kill();
    this.world.tell?.('machine', 'is off');
  }

  private planIdleTimer(): void {
    this.later(IDLE_TIMER_MS, () => {
      const { timeline, instance, settings, checks, plainChain } = this.world;
      const idle =
        this.up &&
        !plainChain &&
        this.disk.broughtUp &&
        !this.lock &&
        isIdle({
          now: timeline.now,
          bootedAt: this.up.at,
          heartbeatAt: this.disk.heartbeatAt,
          hold: instance.held ? 'held' : 'not held',
          idleShutdownMinutes: settings.idleShutdownMinutes,
        });
      if (idle === true) {
        this.world.tell?.('machine', 'switches itself off: idle');
        checks.beforeOurStop('the idle timer');
        this.goingDown = true;
        instance.goDown('ours');
      } else {
        this.planIdleTimer();
      }
    });
  }

  private planMisfortune(delay: number): void {
    this.later(delay, () => {
      const { faults, instance, settings } = this.world;
      if (faults.strikes('instance crashes')) {
        this.crash('host failure');
      } else if (faults.strikes('instance reboots')) {
        this.world.tell?.('machine', 'reboots by itself');
        this.powerOff('EC2');
        this.boot();
      } else if (settings.isSpot && instance.state === 'running' && faults.strikes('spot interruption')) {
        this.world.tell?.('EC2', 'interrupts the instance');
        instance.interrupt();
      } else if (faults.strikes('person stops it')) {
        this.world.tell?.('a person', 'stops the instance');
        instance.stop('people');
      } else if (!faults.over) {
        this.planMisfortune(MISFORTUNE_MS);
      }
    });
  }

  private later(milliseconds: number, happen: () => void): void {
    const { life } = this;
    this.world.timeline.after(milliseconds, () => {
      if (this.life === life) happen();
    });
  }
}

import type { MemoryUse, ModelProcess, ProcessEnd, ProcessOutput, Program } from '../runner/host';
import type { SimProcess } from './process';
import type { SimModel } from './settings';
import type { WorkloadJob } from './workloads';
import type { World } from './world';

/** What a program needs of the other parts. */
export interface ProgramWorld extends World {
  readonly machine: {
    readonly programs: Set<SimProgram>;
    /** Whether this run of the job takes the machine down. */
    isTakenDownBy(jobId: string): boolean;
    /** The operating system ends its units, and starts none. */
    readonly isGoingDown: boolean;
    goDownBy(program: SimProgram): void;
  };
  readonly people: { jobOf(jobId: string): WorkloadJob | undefined };
  readonly checks: {
    checkProgramEnd(program: SimProgram, end: ProcessEnd, lastedMs: number): void;
    /** Called when a program is gone, with or without its machine. */
    addRunTime(lastedMs: number): void;
  };
}

/** How something else than the model or its drain ends a program, and what it is. */
const KILLS = [
  ['SIGTERM', 'outside'],
  ['SIGKILL', 'untraced'],
  ['SIGKILL', 'memory'],
] as const;

/** A model's `setup` or `run`. Its duration is drawn. It may fail, hang or ignore SIGTERM. */
export class SimProgram implements ModelProcess {
  readonly ended: Promise<ProcessEnd>;
  readonly name: string;
  /** The number of output files. */
  files = 0;
  /** What ended the program, as the simulator knows it. `untraced`: SIGKILL from where nobody can tell. */
  endedBy: 'itself' | 'the drain' | 'outside' | 'untraced' | 'memory' = 'itself';
  private isBegun = true;
  private resolve: (end: ProcessEnd) => void = () => undefined;
  private hasEnded = false;
  /** SIGKILL has not ended the program. Only a reboot does. */
  isStuck = false;
  private isUnkillable = false;
  private readonly startedAt: number;
  private readonly ignoresSigterm: boolean = false;

  constructor(
    private readonly world: ProgramWorld,
    readonly owner: SimProcess,
    readonly jobId: string,
    readonly model: SimModel,
    readonly program: Program,
    readonly run: number,
    output: ProcessOutput,
  ) {
    const { timeline, luck, faults, machine, people } = world;
    this.name = `${program} of ${model.name} for ${jobId.slice(0, 6)}`;
    this.ended = new Promise((resolve) => (this.resolve = resolve));
    machine.programs.add(this);
    this.startedAt = timeline.now;
    world.narrate?.(owner.id, `starts ${this.name}`);
    const isRun = program === 'run';
    if (machine.isGoingDown || faults.strikes('program not begun')) {
      this.isBegun = false;
      timeline.after(luck.between(5, 500), () => this.end({ code: 1, signal: null }, 'outside'));
      return;
    }
    if (isRun) faults.outages.cue('a program begins', timeline.now);
    const given = isRun ? people.jobOf(jobId)?.runMs : undefined;
    const lasts = given ?? luck.spread(1_000, isRun ? model.longestRunMs : 30_000);
    const hangs = isRun && faults.strikes('model hangs');
    this.ignoresSigterm = hangs && faults.strikes('model ignores SIGTERM');
    if (isRun && machine.isTakenDownBy(jobId)) {
      const most = Math.min(lasts, model.timeLimitMinutes * 60_000);
      timeline.after(luck.spread(10, Math.max(most, 20)), () => {
        if (!this.hasEnded) machine.goDownBy(this);
      });
    }
    if (isRun && faults.strikes('program killed')) {
      const [signal, by] = luck.pick(KILLS);
      timeline.after(luck.between(0, lasts), () => this.end({ code: null, signal }, by));
    }
    if (hangs) return;
    const code = faults.strikes(isRun ? 'model fails' : 'setup fails') ? 1 : 0;
    const empty = isRun && code === 0 && faults.strikes('model writes nothing');
    const files = empty ? 0 : luck.between(1, 2);
    if (isRun && luck.chance(0.3)) {
      timeline.after(lasts >> 1, () => {
        if (this.hasEnded || !owner.alive) return;
        timeline.markCodeResumed();
        output.stdout(Buffer.from('progress: 0.5 half way\n'));
      });
    }
    timeline.after(lasts, () => {
      this.files = files;
      this.end({ code, signal: null });
    });
  }

  hasBegun(): boolean {
    return this.isBegun;
  }

  memory(): MemoryUse {
    return { ranOut: this.endedBy === 'memory' };
  }

  /** Called when the operating system goes down: it sends SIGTERM. */
  shutDown(): void {
    const { timeline, luck, faults } = this.world;
    if (this.ignoresSigterm) return;
    const survives = faults.strikes('model survives SIGTERM');
    const code = survives ? luck.pick([0, 0, 1]) : null;
    timeline.after(luck.between(0, 2_000), () => {
      if (code === 0) this.files = luck.between(0, 1);
      this.end({ code, signal: code === null ? 'SIGTERM' : null }, 'outside');
    });
  }

  /** Called at the time limit only. */
  terminate(): void {
    this.isUnkillable = this.world.faults.strikes('SIGKILL has no effect');
    if (this.ignoresSigterm || this.isUnkillable) return;
    this.world.timeline.after(this.world.luck.between(50, 3_000), () =>
      this.end({ code: null, signal: 'SIGTERM' }, 'the drain'),
    );
  }

  killAll(): Promise<void> {
    const { owner, world } = this;
    // A later drain finds the process gone. The real kernel is less kind.
    if (this.isStuck && owner.alive) return Promise.resolve();
    if (this.isUnkillable && owner.alive && !this.hasEnded) {
      world.narrate?.(this.name, 'stays after SIGKILL');
      this.isStuck = true;
      const lastedMs = world.timeline.now - this.startedAt;
      world.checks.checkProgramEnd(this, { code: null, signal: 'SIGKILL' }, lastedMs);
      return Promise.resolve();
    }
    this.end({ code: null, signal: 'SIGKILL' }, 'the drain');
    return Promise.resolve();
  }

  /** Called when the machine loses power. */
  remove(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.world.checks.addRunTime(this.world.timeline.now - this.startedAt);
    this.world.machine.programs.delete(this);
  }

  private end(end: ProcessEnd, by: SimProgram['endedBy'] = 'itself'): void {
    if (this.hasEnded || (this.isStuck && this.owner.alive)) return;
    // The drain cannot tell another end from one by the shutdown.
    this.endedBy = by !== 'the drain' && this.world.machine.isGoingDown ? 'outside' : by;
    this.remove();
    this.world.narrate?.(
      this.name,
      end.signal === null ? `exits with ${end.code ?? '?'}` : `ends by ${end.signal}`,
    );
    if (!this.owner.alive) return;
    if (this.program === 'run') this.world.faults.outages.cue('a program ends', this.world.timeline.now);
    this.world.checks.checkProgramEnd(this, end, this.world.timeline.now - this.startedAt);
    this.world.timeline.markCodeResumed();
    this.resolve(end);
  }
}

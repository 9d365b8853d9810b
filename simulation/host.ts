import { Readable } from 'node:stream';
import type { ModelRef } from '../lifecycle/model';
import type { IsolationRecord } from '../lifecycle/records';
import type {
  Host,
  JobFolder,
  ModelFolder,
  ModelProcess,
  NumberedAttempt,
  OutputFile,
  Program,
  StartOptions,
} from '../runner/host';
import type { SimProcess } from './process';
import { SimProgram, type ProgramWorld } from './program';
import type { SimModel } from './settings';
import type { World } from './world';

/** The part of the disk that the drain uses. It survives a reboot. */
export interface Disk {
  heartbeatAt: number | undefined;
  account: string | undefined;
  /** The drain's notes of shutdowns: boot id → why. */
  readonly shutdowns: Map<string, string>;
  readonly models: Map<string, { ready: boolean }>;
}

/** What the host needs of the other parts. */
export interface HostWorld extends ProgramWorld {
  readonly machine: ProgramWorld['machine'] & {
    readonly disk: Disk;
    rebootInOrder(): void;
    /** The operating system ends its units, and starts none. */
    readonly isGoingDown: boolean;
    /** Whether a write to the disk fails now. */
    isDiskFull(by: SimProcess): boolean;
  };
  readonly instance: { readonly notice: string | undefined };
  readonly checks: ProgramWorld['checks'] & {
    checkProgramStart(drain: SimProcess, jobId: string, model: SimModel, program: Program): number;
  };
}

/** The machine as the drain sees it. It has no files and no processes, only the facts about them. */
export class SimHost implements Host {
  constructor(
    private readonly world: HostWorld,
    private readonly process: SimProcess,
    readonly bootId: string,
    private readonly bootedAt: number,
    readonly launchedAt: string,
  ) {}

  readonly machineId = 'i-1';
  readonly memoryBytes = 4 * 2 ** 30;

  noteShutdown(why: string): Promise<void> {
    if (this.process.alive) this.world.machine.disk.shutdowns.set(this.bootId, why);
    return Promise.resolve();
  }

  shutdownOf(bootId: string): Promise<string | undefined> {
    return Promise.resolve(this.world.machine.disk.shutdowns.get(bootId));
  }

  notice(): Promise<string | undefined> {
    return Promise.resolve(this.world.instance.notice);
  }

  isShuttingDown(): Promise<boolean> {
    return Promise.resolve(this.world.machine.isGoingDown);
  }

  reboot(): Promise<void> {
    if (this.process.alive) this.world.machine.rebootInOrder();
    return new Promise(() => undefined);
  }

  uptimeSeconds(): number {
    return (this.world.timeline.now - this.bootedAt) / 1000;
  }

  readAccount(): Promise<string | undefined> {
    return Promise.resolve(this.world.machine.disk.account);
  }

  writeAccount(text: string): Promise<void> {
    if (!this.process.alive) return new Promise(() => undefined);
    this.world.machine.disk.account = text;
    return Promise.resolve();
  }

  clearLeftovers(): Promise<void> {
    for (const program of [...this.world.machine.programs]) {
      if (program.owner !== this.process) void program.killAll();
    }
    return Promise.resolve();
  }

  beat(): Promise<void> {
    if (this.process.alive) this.world.machine.disk.heartbeatAt = this.world.timeline.now;
    return Promise.resolve();
  }

  modelFolder({ digest }: ModelRef): ModelFolder {
    const { models } = this.world.machine.disk;
    const model = modelOf(this.world, digest);
    const { name, timeLimitMinutes, maxAttempts, maxInterruptions, parallelJobs, retryOnFailure } = model;
    const card = { name, timeLimitMinutes, maxAttempts, maxInterruptions, parallelJobs, retryOnFailure };
    return {
      card: () => Promise.resolve(models.has(digest) ? JSON.stringify(card) : undefined),
      isReady: () => Promise.resolve(models.get(digest)?.ready === true),
      unpack: () => {
        if (this.world.machine.isDiskFull(this.process)) return Promise.reject(noSpace());
        models.set(digest, { ready: false });
        return Promise.resolve();
      },
      has: (program) => Promise.resolve(program === 'run' || model.hasSetup),
      markReady: () => {
        models.set(digest, { ready: true });
        return Promise.resolve();
      },
    };
  }

  newJobFolder({ jobId }: NumberedAttempt): Promise<JobFolder> {
    return Promise.resolve(new SimJobFolder(this.world, this.process, jobId));
  }

  pruneModels(): Promise<void> {
    return Promise.resolve();
  }
}

class SimJobFolder implements JobFolder {
  private ran: SimProgram | undefined;

  constructor(
    private readonly world: HostWorld,
    private readonly process: SimProcess,
    private readonly jobId: string,
  ) {}

  receive(_name: string, body: Readable): Promise<number> {
    body.destroy();
    if (this.world.machine.isDiskFull(this.process)) return Promise.reject(noSpace());
    return Promise.resolve(1);
  }

  isolation(): IsolationRecord {
    return { kind: 'none' };
  }

  start(ref: ModelRef, program: Program, { output }: StartOptions): Promise<ModelProcess> {
    const { world, process, jobId } = this;
    if (!process.alive) return new Promise(() => undefined);
    const model = modelOf(world, ref.digest);
    const run = world.checks.checkProgramStart(process, jobId, model, program);
    this.ran = new SimProgram(world, process, jobId, model, program, run, output);
    return Promise.resolve(this.ran);
  }

  /** The simulator's disk fills for the drain only. */
  isDiskFull(): Promise<boolean> {
    return Promise.resolve(false);
  }

  outputs(): Promise<OutputFile[]> {
    const { files, run } = this.ran ?? { files: 0, run: 0 };
    return Promise.resolve(
      Array.from({ length: files }, (_none, index) => ({
        path: `part-${index}.csv`,
        sizeBytes: 10,
        readAll: () => Promise.resolve(Buffer.from(`run ${run}`)),
        read: () => Readable.from([]),
      })),
    );
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }
}

function noSpace(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device, write'), {
    code: 'ENOSPC',
    syscall: 'write',
  });
}

function modelOf({ settings }: World, digest: string) {
  const found = settings.models.find((model) => model.digest === digest);
  if (!found) throw new Error(`no model has the digest ${digest}`);
  return found;
}

import type { Readable } from 'node:stream';
import type { ModelCard, ModelRef } from '../lifecycle/model';
import type { IsolationRecord } from '../lifecycle/records';

/** How much memory a program's processes have used. */
export interface MemoryUse {
  /** Whether the kernel has killed one of them because memory ran out. False if that is not known. */
  readonly ranOut: boolean;
  /** Their most bytes at one time. Undefined: not known. */
  readonly peakBytes?: number;
}

/** The machine's boot, folders and processes, as the drain uses them. The simulator has its own implementation. */
export interface Host {
  /** EC2's instance id. */
  readonly machineId: string;
  /** EC2's LaunchTime of this on-time, in ISO 8601, a whole second. Undefined: the metadata service does not say. */
  readonly launchedAt: string | undefined;
  /** Changes with each boot. */
  readonly bootId: string;
  /** Notes on this disk that this boot is about to end, and why. A later note of the same boot replaces the earlier. */
  noteShutdown(why: string): Promise<void>;
  /** The note of an earlier boot, or undefined. */
  shutdownOf(bootId: string): Promise<string | undefined>;
  /** EC2's notice that it is about to take the machine away, in words. Undefined: there is none. */
  notice(): Promise<string | undefined>;
  /** Whether the operating system is going down: systemd ends all units, and starts no new ones. */
  isShuttingDown(): Promise<boolean>;
  /** Reboots the machine. Throws if that is not possible. */
  reboot(): Promise<void>;
  /** Time since the boot. Never decreases. */
  uptimeSeconds(): number;
  /** The text that a drain last wrote with `writeAccount` on this disk. Undefined: none yet. */
  readAccount(): Promise<string | undefined>;
  /** Atomic: if the drain is killed meanwhile, the account has the old text or the new one. */
  writeAccount(text: string): Promise<void>;
  /** Kills the processes and removes the folders of jobs that an earlier drain left behind. */
  clearLeftovers(): Promise<void>;
  /** Touches the heartbeat file, which the idle timer reads. */
  beat(): Promise<void>;
  modelFolder(model: ModelRef): ModelFolder;
  /** The machine's memory in bytes. */
  readonly memoryBytes: number;
  /** A new, empty folder for one attempt. */
  newJobFolder(attempt: NumberedAttempt): Promise<JobFolder>;
  /** Removes all but the two last-used folders of each model, so that deploys do not fill the disk. */
  pruneModels(): Promise<void>;
}

/** An attempt as the machine knows it. */
export interface NumberedAttempt {
  readonly jobId: string;
  readonly number: number;
  /** Index of this job among those side by side, from 0. */
  readonly slot: number;
}

/** The unzipped folder of one model digest. */
export interface ModelFolder {
  /**
   * The text of `model.json`. Undefined: the folder is not unpacked. Throws JobFailure if the folder has no such file.
   */
  card(): Promise<string | undefined>;
  /** True if the folder is unpacked and its setup has run. */
  isReady(): Promise<boolean>;
  /**
   * Replaces the folder by a zip's files. Throws JobFailure if the zip is invalid or names files outside of the folder.
   */
  unpack(zip: Readable): Promise<void>;
  /** True if the folder has this program. Throws JobFailure if the file is not executable. */
  has(program: Program): Promise<boolean>;
  markReady(): Promise<void>;
}

export type Program = 'setup' | 'run';

/** The limits of a model's programs, from its card. */
export type ModelLimits = Pick<ModelCard, 'memoryMiB' | 'maxProcesses' | 'network'>;

/** The files of one attempt. */
export interface JobFolder {
  /** Writes the input file. Returns the number of bytes written. */
  receive(name: string, body: Readable): Promise<number>;
  /** The walls that a program with these limits has. */
  isolation(program: Program, limits: ModelLimits): IsolationRecord;
  /** Starts one of the model's programs. Throws JobFailure if the program cannot be started, Interruption if its walls cannot. */
  start(model: ModelRef, program: Program, run: StartOptions): Promise<ModelProcess>;
  /** Whether the disk is full, so that the program may have failed because of it. */
  isDiskFull(): Promise<boolean>;
  /** The model's result files. Throws JobFailure if a file is not regular or its name is not UTF-8. */
  outputs(): Promise<OutputFile[]>;
  remove(): Promise<void>;
}

/** Where the output of a program goes, and the limits of its model's card. */
export interface StartOptions {
  readonly output: ProcessOutput;
  readonly limits: ModelLimits;
}

export interface ProcessOutput {
  stdout(chunk: Buffer): void;
  stderr(chunk: Buffer): void;
}

/** How a program ended. Neither a code nor a signal: the machine does not know it. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface ModelProcess {
  /** Settles when the program itself has ended. Its child processes may still run. */
  readonly ended: Promise<ProcessEnd>;
  /** Once `ended` has settled: false if the walls around the program could not be built, so that it has not begun. */
  hasBegun(): boolean;
  /** Once `ended` has settled. */
  memory(): MemoryUse;
  /** Sends SIGTERM to all processes of the program. */
  terminate(): void;
  /** Kills every process of the program. Settles when the output has been read. */
  killAll(): Promise<void>;
}

export interface OutputFile {
  /** Path below OUTPUT_DIR, with slashes. */
  readonly path: string;
  readonly sizeBytes: number;
  readAll(): Promise<Buffer>;
  read(): Readable;
}

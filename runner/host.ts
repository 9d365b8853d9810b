import type { Readable } from 'node:stream';
import type { ModelRef } from '../lifecycle/model';

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
  /** A new, empty folder for one attempt. `slot`: index of this job among those side by side, from 0. */
  newJobFolder(jobId: string, slot: number): Promise<JobFolder>;
  /** Removes all but the two last-used folders of each model, so that deploys do not fill the disk. */
  pruneModels(): Promise<void>;
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

/** The files of one attempt. */
export interface JobFolder {
  /** Writes the input file. Returns the number of bytes written. */
  receive(name: string, body: Readable): Promise<number>;
  /** Starts one of the model's programs in a new process group. Throws JobFailure if the program cannot be started. */
  start(model: ModelRef, program: Program, output: ProcessOutput): Promise<ModelProcess>;
  /** Whether the disk is full, so that the program may have failed because of it. */
  isDiskFull(): Promise<boolean>;
  /** The model's result files. Throws JobFailure if a file is not regular or its name is not UTF-8. */
  outputs(): Promise<OutputFile[]>;
  remove(): Promise<void>;
}

export interface ProcessOutput {
  stdout(chunk: Buffer): void;
  stderr(chunk: Buffer): void;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface ModelProcess {
  /** Settles when the program itself has ended. Its child processes may still run. */
  readonly ended: Promise<ProcessEnd>;
  /** Once `ended` has settled: false if the commands that isolate the program have failed before it began. */
  hasBegun(): boolean;
  /** Whether the kernel has killed a process of the program because memory ran out. False if that is not known. */
  ranOutOfMemory(): Promise<boolean>;
  /** Sends SIGTERM to the whole process group. */
  terminate(): void;
  /** Kills the process group and every other process of the program. Settles when the output has been read. */
  killAll(): Promise<void>;
}

export interface OutputFile {
  /** Path below OUTPUT_DIR, with slashes. */
  readonly path: string;
  readonly sizeBytes: number;
  readAll(): Promise<Buffer>;
  read(): Readable;
}

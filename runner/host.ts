import type { Readable } from 'node:stream';
import type { ModelRef } from '../lifecycle/model';

/** The machine, as the drain needs it: its boot, its folders, its processes. Handed in so that a simulator can own it. */
export interface Host {
  /** Another one after each boot. */
  readonly bootId: string;
  /** Since the boot, and never less than before. */
  uptimeSeconds(): number;
  /** What a drain wrote last into the account of seconds, on this disk; undefined: nothing yet. */
  readAccount(): Promise<string | undefined>;
  /** As a whole or not at all, whenever the drain may be killed. */
  writeAccount(text: string): Promise<void>;
  /** Kills the processes and removes the folders of jobs that an earlier drain left behind. */
  clearLeftovers(): Promise<void>;
  /** Shows the idle-shutdown timer that a drain lives. */
  beat(): Promise<void>;
  modelFolder(model: ModelRef): ModelFolder;
  /** A new, empty folder for one attempt. `slot`: which of the jobs side by side it is, from 0. */
  newJobFolder(jobId: string, slot: number): Promise<JobFolder>;
  /** Removes the folders of models that have not been used for long, so that deploys do not fill the disk. */
  pruneModels(): Promise<void>;
}

/** A model's unzipped folder, one a digest. */
export interface ModelFolder {
  /** The text of `model.json`; undefined if the folder was never unpacked as a whole. Throws JobFailure if it has none. */
  card(): Promise<string | undefined>;
  /** Whether it is unpacked and set up. */
  isReady(): Promise<boolean>;
  /** Makes the folder of a zip, anew. Throws JobFailure when the zip is not one or names files outside of the folder. */
  unpack(zip: Readable): Promise<void>;
  /** Throws JobFailure when the folder has such a file that cannot be executed. */
  has(program: Program): Promise<boolean>;
  markReady(): Promise<void>;
}

export type Program = 'setup' | 'run';

/** One attempt's own files. */
export interface JobFolder {
  /** Writes the input file; the bytes written. */
  receive(name: string, body: Readable): Promise<number>;
  /** Starts one of the model's programs in a process group of its own. Throws JobFailure when it cannot be started. */
  start(model: ModelRef, program: Program, output: ProcessOutput): Promise<ModelProcess>;
  /** The model's files. Throws JobFailure when one of them is not a regular file or has a name that is not UTF-8. */
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
  /** Settles when the program itself has ended; what it left behind may still live. */
  readonly ended: Promise<ProcessEnd>;
  /** Asks the whole process group to end. */
  terminate(): void;
  /** SIGKILLs the group and whatever else the program left behind, and settles when its output has been read. */
  killAll(): Promise<void>;
}

export interface OutputFile {
  /** Relative to OUTPUT_DIR, with slashes. */
  readonly path: string;
  readonly sizeBytes: number;
  readAll(): Promise<Buffer>;
  read(): Readable;
}

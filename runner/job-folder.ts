import { isUtf8 } from 'node:buffer';
import { constants, createWriteStream } from 'node:fs';
import {
  chmod,
  chown,
  lchown,
  lstat,
  mkdir,
  open,
  readFile,
  readdir,
  rm,
  stat,
  statfs,
} from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ModelRef } from '../lifecycle/model';
import type { IsolationRecord } from '../lifecycle/records';
import { JobFailure } from './failures';
import type { JobFolder, ModelLimits, ModelProcess, OutputFile, Program, StartOptions } from './host';
import { homeIn, isAccelerator, isolationRecord, TEMPORARY, walls } from './isolation';
import { makeFolder } from './make-folder';
import { modelEnvironment } from './model-environment';
import { killStragglers, startGroup } from './process-group';
import { SIGNS, startService } from './service';
import { MODELS_SLICE } from './slice';

/** File in the job's folder that records the process group of the job's program. */
export const PROCESS_RECORD = 'process.json';

const ROOT_UID = 0;

/** Free bytes below which a disk counts as full: a program's next write of a usual size fails. */
const FULL_BYTES = 1_048_576;

/** A job folder's path, and the facts about the machine that the folder needs. */
export interface JobFolderOptions {
  /** The runner's root folder. */
  readonly root: string;
  readonly jobId: string;
  /** The number of the attempt. */
  readonly attempt: number;
  readonly bootId: string;
  /** The model's user, of `modelUser`. Undefined: the model has no walls. */
  readonly uid: number | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly modelPath: (model: ModelRef) => string;
}

/**
 * `jobs/<jobId>/` on the machine's own disk. The drain owns the folder itself. The model's user owns the folders in it,
 * and no other model can read them: input/, output/, home/, tmp/.
 */
export class JobFolderOnDisk implements JobFolder {
  private readonly folder: string;

  private constructor(private readonly options: JobFolderOptions) {
    this.folder = join(options.root, 'jobs', options.jobId);
  }

  static async make(options: JobFolderOptions): Promise<JobFolderOnDisk> {
    const folder = new JobFolderOnDisk(options);
    await folder.remove();
    await makeFolder(folder.folder, 0o711);
    for (const name of ['input', 'output', 'home', 'tmp'] as const) {
      await mkdir(folder.path(name), { mode: 0o700 });
      await folder.give(folder.path(name));
    }
    return folder;
  }

  async receive(name: string, body: Readable): Promise<number> {
    const file = join(this.path('input'), name);
    const sink = createWriteStream(file);
    await pipeline(body, sink);
    await this.give(file);
    return sink.bytesWritten;
  }

  isolation(program: Program, limits: ModelLimits): IsolationRecord {
    return isolationRecord(this.options.uid, program, limits);
  }

  async start(model: ModelRef, program: Program, { output, limits }: StartOptions): Promise<ModelProcess> {
    const { root, jobId, attempt, bootId, uid, environment } = this.options;
    const modelFolder = this.options.modelPath(model);
    const args = program === 'run' ? [this.path('input'), this.path('output')] : [];
    const command = [join(modelFolder, program), ...args];
    if (uid === undefined) {
      const own = { home: this.path('home'), temporary: this.path('tmp') };
      return startGroup({
        command,
        cwd: modelFolder,
        environment: modelEnvironment(environment, own),
        output,
        record: join(this.folder, PROCESS_RECORD),
        bootId,
      });
    }
    await giveModelFolder(modelFolder, program, uid);
    const unit = `lamplighter-${jobId}-${attempt}-${program}.service`;
    const jobFolder = this.folder;
    const signs = join(SIGNS, unit);
    const walled = { program, uid, root, modelFolder, jobFolder, signs, limits };
    return startService({
      unit,
      slice: MODELS_SLICE,
      signs,
      properties: walls({ ...walled, devices: await accelerators() }),
      command,
      environment: modelEnvironment(environment, { home: homeIn(root), temporary: TEMPORARY }),
      output,
    });
  }

  async isDiskFull(): Promise<boolean> {
    const { bavail, bsize, files, ffree } = await statfs(this.folder);
    return bavail * bsize < FULL_BYTES || (files > 0 && ffree === 0);
  }

  async outputs(): Promise<OutputFile[]> {
    const output = this.path('output');
    const files = await filesBelow(Buffer.from(output));
    const depth = output.length + 1;
    return files
      .map(({ path, sizeBytes }) => outputFile(path, path.slice(depth), sizeBytes))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async remove(): Promise<void> {
    if (this.options.uid === undefined) await killStragglers(this.path('home'));
    await rm(this.folder, { recursive: true, force: true });
  }

  private path(name: 'input' | 'output' | 'home' | 'tmp'): string {
    return join(this.folder, name);
  }

  private async give(path: string): Promise<void> {
    const { uid } = this.options;
    if (uid !== undefined) await chown(path, uid, uid);
  }
}

function outputFile(absolute: string, path: string, sizeBytes: number): OutputFile {
  return {
    path,
    sizeBytes,
    readAll: () => readFile(absolute, { flag: NO_FOLLOW }),
    read: () => Readable.from(chunksOf(absolute), { objectMode: false }),
  };
}

async function* chunksOf(path: string): AsyncGenerator<Buffer> {
  const handle = await open(path, NO_FOLLOW);
  yield* handle.createReadStream() as AsyncIterable<Buffer>;
}

/** Never follows a symbolic link, because the drain may read files that the model may not. */
const NO_FOLLOW = constants.O_RDONLY | constants.O_NOFOLLOW;

/** Reads names as bytes. As strings, names that are not UTF-8 would change silently. */
async function filesBelow(path: Buffer, relativePath = ''): Promise<{ path: string; sizeBytes: number }[]> {
  const found = await lstat(path);
  if (found.isFile()) return [{ path: path.toString('utf8'), sizeBytes: found.size }];
  if (!found.isDirectory()) {
    const kind = found.isSymbolicLink() ? 'a symbolic link' : 'not a regular file';
    const message = `the model's ${relativePath || 'OUTPUT_DIR'} is ${kind}; it must write regular files`;
    throw new JobFailure('output', message);
  }
  const files = [];
  for (const name of await readdir(path, { encoding: 'buffer' })) {
    if (!isUtf8(name)) {
      const bytes = name
        .toString('latin1')
        .replace(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
      const message = `the model's file ${bytes} has a name that is not valid UTF-8; rename it`;
      throw new JobFailure('output name', message);
    }
    const next = join(relativePath, name.toString('utf8'));
    files.push(...(await filesBelow(Buffer.concat([path, Buffer.from('/'), name]), next)));
  }
  return files;
}

/** The device files of accelerators. They change with the instance's type, and appear when a driver is loaded. */
async function accelerators(folder = '/dev'): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const paths = names.filter(isAccelerator).map((name) => join(folder, name));
  const found = paths.map(async (path) => ((await stat(path)).isDirectory() ? accelerators(path) : path));
  return (await Promise.all(found)).flat();
}

/**
 * Gives the model's folder to the model's user for the setup, and back to root for runs: only a setup may write into
 * it.
 */
async function giveModelFolder(folder: string, program: Program, uid: number): Promise<void> {
  if (program === 'setup') await giveTree(folder, uid);
  else if ((await lstat(folder)).uid !== ROOT_UID) await giveTree(folder, ROOT_UID);
}

/**
 * Changes the folder itself last. So the folder's owner shows whether the whole tree has changed. What the setup's user could
 * read, each run can read: no other model sees the folder.
 */
async function giveTree(path: string, uid: number): Promise<void> {
  const found = await lstat(path);
  if (found.isDirectory()) {
    for (const name of await readdir(path)) await giveTree(join(path, name), uid);
  }
  if (found.uid === uid) return;
  if (uid === ROOT_UID && !found.isSymbolicLink()) await chmod(path, found.mode | readableByAll(found.mode));
  await lchown(path, uid, uid);
}

/** The owner's permissions to read and to execute, for the group and for others. */
function readableByAll(mode: number): number {
  const own = mode & 0o500;
  return (own >> 3) | (own >> 6);
}

import { isUtf8 } from 'node:buffer';
import { constants, createWriteStream } from 'node:fs';
import { chown, lchown, lstat, mkdir, open, readFile, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ModelRef } from '../lifecycle/model';
import { JobFailure } from './failures';
import type { JobFolder, ModelProcess, OutputFile, ProcessOutput, Program } from './host';
import type { Isolation } from './isolation';
import { makeFolder } from './make-folder';
import { modelEnvironment } from './model-environment';
import { endProcesses, startGroup } from './process-group';

/** File in the job's folder that records the process group of the job's program. */
export const PROCESS_RECORD = 'process.json';

const ROOT_UID = 0;

/** Free bytes below which a disk counts as full: a program's next write of a usual size fails. */
const FULL_BYTES = 1_048_576;

/** A job folder's path, and the facts about the machine that the folder needs. */
export interface JobFolderOptions {
  readonly path: string;
  readonly bootId: string;
  readonly isolation: Isolation;
  readonly environment: NodeJS.ProcessEnv;
  readonly modelPath: (model: ModelRef) => string;
}

/**
 * `jobs/<jobId>/` on the machine's own disk. The drain owns the folder itself. The model's user owns the folders in it,
 * and no other model can read them: input/, output/, home/, tmp/.
 */
export class JobFolderOnDisk implements JobFolder {
  private constructor(private readonly options: JobFolderOptions) {}

  static async make(options: JobFolderOptions): Promise<JobFolderOnDisk> {
    const folder = new JobFolderOnDisk(options);
    await folder.remove();
    await makeFolder(options.path, 0o711);
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

  async start(model: ModelRef, program: Program, output: ProcessOutput): Promise<ModelProcess> {
    const { path, bootId, isolation, environment } = this.options;
    const folder = this.options.modelPath(model);
    const args = program === 'run' ? [this.path('input'), this.path('output')] : [];
    if (isolation.uid !== undefined) await giveModelFolder(folder, program, isolation.uid);
    return startGroup({
      command: [...isolation.wrapper, join(folder, program), ...args],
      cwd: folder,
      environment: modelEnvironment(environment, { home: this.path('home'), temporary: this.path('tmp') }),
      output,
      record: join(path, PROCESS_RECORD),
      bootId,
      isolation,
    });
  }

  async isDiskFull(): Promise<boolean> {
    const { bavail, bsize, files, ffree } = await statfs(this.options.path);
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
    await endProcesses(this.options.isolation, this.path('home'));
    await rm(this.options.path, { recursive: true, force: true });
  }

  private path(name: 'input' | 'output' | 'home' | 'tmp'): string {
    return join(this.options.path, name);
  }

  private async give(path: string): Promise<void> {
    const { uid } = this.options.isolation;
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

/**
 * Gives the model's folder to the model's user for the setup, and back to root for runs: only a setup may write into
 * it.
 */
async function giveModelFolder(folder: string, program: Program, uid: number): Promise<void> {
  if (program === 'setup') await giveTree(folder, uid);
  else if ((await lstat(folder)).uid !== ROOT_UID) await giveTree(folder, ROOT_UID);
}

/** Changes the folder itself last. So the folder's owner shows whether the whole tree has changed. */
async function giveTree(path: string, uid: number): Promise<void> {
  const found = await lstat(path);
  if (found.isDirectory()) {
    for (const name of await readdir(path)) await giveTree(join(path, name), uid);
  }
  if (found.uid !== uid) await lchown(path, uid, uid);
}

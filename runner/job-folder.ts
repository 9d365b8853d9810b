import { isUtf8 } from 'node:buffer';
import { constants, createWriteStream } from 'node:fs';
import { chown, lchown, lstat, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ModelRef } from '../lifecycle/model';
import { JobFailure } from './failures';
import type { JobFolder, ModelProcess, OutputFile, ProcessOutput, Program } from './host';
import type { Isolation } from './isolation';
import { modelEnvironment } from './model-environment';
import { killStragglers, startGroup } from './process-group';

/** Where the process group of a job's program is written down, in the job's folder. */
export const PROCESS_RECORD = 'process.json';

const ROOT_UID = 0;

/** What a job folder needs to know of the machine. */
export interface JobFolderOptions {
  readonly path: string;
  readonly bootId: string;
  readonly isolation: Isolation;
  readonly environment: NodeJS.ProcessEnv;
  readonly modelPath: (model: ModelRef) => string;
}

/**
 * `jobs/<jobId>/` on the machine's own disk. The folder itself stays the drain's; the folders in it are the model's, and
 * only its: input/, output/, home/, tmp/.
 */
export class JobFolderOnDisk implements JobFolder {
  private readonly input: string;
  private readonly output: string;
  private readonly home: string;
  private readonly temporary: string;

  private constructor(private readonly options: JobFolderOptions) {
    this.input = join(options.path, 'input');
    this.output = join(options.path, 'output');
    this.home = join(options.path, 'home');
    this.temporary = join(options.path, 'tmp');
  }

  static async make(options: JobFolderOptions): Promise<JobFolderOnDisk> {
    const folder = new JobFolderOnDisk(options);
    await folder.remove();
    await mkdir(options.path, { recursive: true, mode: 0o711 });
    for (const path of [folder.input, folder.output, folder.home, folder.temporary]) {
      await mkdir(path, { mode: 0o700 });
      await folder.give(path);
    }
    return folder;
  }

  async receive(name: string, body: Readable): Promise<number> {
    const file = join(this.input, name);
    const sink = createWriteStream(file);
    await pipeline(body, sink);
    await this.give(file);
    return sink.bytesWritten;
  }

  async start(model: ModelRef, program: Program, output: ProcessOutput): Promise<ModelProcess> {
    const { path, bootId, isolation, environment } = this.options;
    const folder = this.options.modelPath(model);
    const args = program === 'run' ? [this.input, this.output] : [];
    if (isolation.uid !== undefined) await giveModelFolder(folder, program, isolation.uid);
    return startGroup({
      command: [...isolation.wrapper, join(folder, program), ...args],
      cwd: folder,
      environment: modelEnvironment(environment, { home: this.home, temporary: this.temporary }),
      output,
      record: join(path, PROCESS_RECORD),
      bootId,
      uid: isolation.uid,
    });
  }

  async outputs(): Promise<OutputFile[]> {
    const files = await filesBelow(Buffer.from(this.output));
    const depth = this.output.length + 1;
    return files
      .map(({ path, sizeBytes }) => outputFile(path, path.slice(depth), sizeBytes))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async remove(): Promise<void> {
    await killStragglers(this.home, this.options.isolation.uid);
    await rm(this.options.path, { recursive: true, force: true });
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
    readAll: async () => {
      const handle = await openFile(absolute);
      try {
        return await handle.readFile();
      } finally {
        await handle.close();
      }
    },
    read: () => Readable.from(chunksOf(absolute), { objectMode: false }),
  };
}

async function* chunksOf(path: string): AsyncGenerator<Buffer> {
  const handle = await openFile(path);
  yield* handle.createReadStream() as AsyncIterable<Buffer>;
}

/** Never through a symbolic link: the drain can read what the model cannot. */
const openFile = (path: string) => open(path, constants.O_RDONLY | constants.O_NOFOLLOW);

/** Names are read as bytes: a name that is not UTF-8 would otherwise be mangled without a word. */
async function filesBelow(path: Buffer, shown = ''): Promise<{ path: string; sizeBytes: number }[]> {
  const found = await lstat(path);
  if (found.isFile()) return [{ path: path.toString('utf8'), sizeBytes: found.size }];
  if (!found.isDirectory()) {
    const kind = found.isSymbolicLink() ? 'a symbolic link' : 'not a regular file';
    throw new JobFailure(
      'output',
      `the model's ${shown || 'OUTPUT_DIR'} is ${kind}; it must write regular files`,
    );
  }
  const files = [];
  for (const name of await readdir(path, { encoding: 'buffer' })) {
    const next = shown === '' ? name.toString('utf8') : `${shown}/${name.toString('utf8')}`;
    if (!isUtf8(name)) {
      const bytes = name
        .toString('latin1')
        .replace(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
      throw new JobFailure(
        'output name',
        `the model's file ${bytes} has a name that is not valid UTF-8; rename it`,
      );
    }
    files.push(...(await filesBelow(Buffer.concat([path, Buffer.from('/'), name]), next)));
  }
  return files;
}

/** Only a setup may write into the model's folder. */
async function giveModelFolder(folder: string, program: Program, uid: number): Promise<void> {
  if (program === 'setup') await giveTree(folder, uid);
  else if ((await lstat(folder)).uid !== ROOT_UID) await giveTree(folder, ROOT_UID);
}

/** The folder itself goes last: its owner says whether all of it was given. */
async function giveTree(path: string, uid: number): Promise<void> {
  const found = await lstat(path);
  if (found.isDirectory()) {
    for (const name of await readdir(path)) await giveTree(join(path, name), uid);
  }
  if (found.uid !== uid) await lchown(path, uid, uid);
}

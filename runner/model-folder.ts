import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InvalidInputError } from '../lifecycle/errors';
import { modelCardSchema, type ModelRef } from '../lifecycle/model';
import { errnoOf } from './errno';
import { JobFailure } from './failures';
import type { ModelFolder, Program } from './host';
import { makeFolder } from './make-folder';
import { unzip } from './unzip';

const MARKER = '.lamplighter-ready';

/** Digests of a model that stay on the disk: the current one, and the previous one for a roll-back. */
const KEPT_DIGESTS = 2;

/**
 * `models/<name>/<digest>/` on the machine's own disk. A rename creates it whole. The marker means that setup has run.
 */
export class ModelFolderOnDisk implements ModelFolder {
  readonly path: string;

  constructor(
    modelsRoot: string,
    private readonly model: ModelRef,
  ) {
    if (!modelCardSchema.shape.name.safeParse(model.name).success) {
      throw new JobFailure('model', `${JSON.stringify(model.name)} is not a model's name`);
    }
    this.path = join(modelsRoot, model.name, model.digest);
  }

  async card(): Promise<string | undefined> {
    try {
      return await readFile(join(this.path, 'model.json'), 'utf8');
    } catch (cause) {
      if (!isMissing(cause)) throw cause;
      if (!existsSync(this.path)) return undefined;
      throw new JobFailure('model', `model ${this.model.name} has no model.json in its folder; add one`);
    }
  }

  async isReady(): Promise<boolean> {
    const now = new Date();
    try {
      // The marker's time is the model's last use, for pruneModels.
      await utimes(join(this.path, MARKER), now, now);
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async unpack(zip: Readable): Promise<void> {
    const zipFile = `${this.path}.zip`;
    const half = `${this.path}.unpacking`;
    await this.remove(this.path, half, zipFile);
    await makeFolder(dirname(this.path));
    try {
      await pipeline(zip, createWriteStream(zipFile));
      await mkdir(half);
      await unzip(zipFile, half);
      await rename(half, this.path);
    } catch (cause) {
      if (!(cause instanceof InvalidInputError)) throw cause;
      const message = `model ${this.model.name}: ${cause.message}; deploy it again`;
      throw new JobFailure('model', message, {}, { cause });
    } finally {
      await this.remove(half, zipFile);
    }
  }

  async has(program: Program): Promise<boolean> {
    const file = await stat(join(this.path, program)).catch(() => undefined);
    if (!file) return false;
    if ((file.mode & 0o111) !== 0) return true;
    const message = `\`${program}\` of model ${this.model.name} is not executable; run \`chmod +x\` on it and deploy again`;
    throw new JobFailure('model', message);
  }

  async markReady(): Promise<void> {
    await writeFile(join(this.path, MARKER), '');
  }

  private async remove(...paths: string[]): Promise<void> {
    for (const path of paths) await rm(path, { recursive: true, force: true });
  }
}

/** Keeps the last-used digests of each model. Removes the others, and folders that were never ready. */
export async function pruneModels(modelsRoot: string): Promise<void> {
  for (const name of await list(modelsRoot)) {
    const entries = await Promise.all(
      (await list(join(modelsRoot, name))).map(async (entry) => {
        const path = join(modelsRoot, name, entry);
        return { path, lastUsed: (await stat(join(path, MARKER)).catch(() => undefined))?.mtimeMs ?? 0 };
      }),
    );
    const kept = entries
      .filter(({ lastUsed }) => lastUsed > 0)
      .sort((a, b) => b.lastUsed - a.lastUsed)
      .slice(0, KEPT_DIGESTS);
    for (const entry of entries) {
      if (kept.includes(entry)) continue;
      // The marker goes first: if the machine stops meanwhile, half a folder must not look ready.
      await rm(join(entry.path, MARKER), { force: true });
      await rm(entry.path, { recursive: true, force: true });
    }
  }
}

async function list(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '');
}

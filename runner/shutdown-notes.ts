import { open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from './errno';
import { makeFolder } from './make-folder';

/** Number of notes that stay on the disk. */
const KEPT_NOTES = 20;

/**
 * The folder `run/shutdowns/`: one file for each boot that a drain knew to be about to end. A later boot reads there why an
 * attempt ended.
 */
export class ShutdownNotes {
  constructor(private readonly folder: string) {}

  /** Returns when the note is on the disk: the machine may go down at any moment. */
  async write(bootId: string, why: string): Promise<void> {
    await makeFolder(this.folder);
    const file = this.fileOf(bootId);
    const next = `${file}.next`;
    const note = await open(next, 'w');
    try {
      await note.writeFile(why);
      await note.sync();
    } finally {
      await note.close();
    }
    await rename(next, file);
    await syncFolder(this.folder);
    await this.prune();
  }

  async read(bootId: string): Promise<string | undefined> {
    try {
      return await readFile(this.fileOf(bootId), 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  private async prune(): Promise<void> {
    const names = await readdir(this.folder);
    const notes = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(join(this.folder, name))).mtimeMs })),
    );
    notes.sort((a, b) => b.at - a.at);
    for (const { name } of notes.slice(KEPT_NOTES)) await rm(join(this.folder, name), { force: true });
  }

  /** The boot id of a claim comes from S3. */
  private fileOf(bootId: string): string {
    return join(this.folder, `${encodeURIComponent(bootId)}.txt`);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

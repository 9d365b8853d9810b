import { createWriteStream } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openPromise, type Entry, type ZipFile } from 'yauzl';
import { InvalidInputError, messageOf } from '../lifecycle/errors';
import { errnoOf } from './errno';
import { makeFolder } from './make-folder';

const TYPE_MASK = 0o170000;
const SYMBOLIC_LINK = 0o120000;
const PERMISSIONS = 0o777;

/**
 * Unpacks a zip into an empty folder, with file modes. Throws InvalidInputError if the file is no valid zip, or if an
 * entry is a symbolic link or outside of the folder.
 */
export async function unzip(file: string, folder: string): Promise<void> {
  let zip: ZipFile | undefined;
  try {
    zip = await openPromise(file, { lazyEntries: true, autoClose: false });
    for await (const entry of zip.eachEntry()) await extract(zip, entry, folder);
  } catch (cause) {
    throw asZipError(cause);
  } finally {
    zip?.close();
  }
}

async function extract(zip: ZipFile, entry: Entry, folder: string): Promise<void> {
  // yauzl's validateFileName has already refused absolute names, backslashes and `..`.
  const target = join(folder, entry.fileName);
  if (entry.fileName.endsWith('/')) {
    await makeFolder(target);
    return;
  }
  const mode = entry.externalFileAttributes >>> 16;
  if ((mode & TYPE_MASK) === SYMBOLIC_LINK) {
    throw new InvalidInputError(`${entry.fileName} is a symbolic link, which a model folder may not hold`);
  }
  await makeFolder(dirname(target));
  await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target));
  await chmod(target, (mode & PERMISSIONS) === 0 ? 0o644 : mode & PERMISSIONS);
}

/** Returns errors of the disk unchanged. Every other error is the zip's fault. */
function asZipError(cause: unknown): unknown {
  if (errnoOf(cause) !== undefined || cause instanceof InvalidInputError) return cause;
  return new InvalidInputError(`the zip cannot be read: ${messageOf(cause)}`, { cause });
}

import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from './errno';

/**
 * Makes a folder, and those above it, unless they exist. `mkdir` of Node.js 20 with `recursive` reports a full disk as ENOENT, and
 * an ended attempt would not name the reason.
 */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  try {
    await mkdir(path, mode);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    if (errnoOf(error) !== 'ENOENT') throw error;
    await makeFolder(dirname(path), mode);
    await makeFolder(path, mode);
  }
}

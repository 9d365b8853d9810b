import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Jest's globalSetup: what tests and their children write goes with them, from a folder whose name has a space as people's have. */
// eslint-disable-next-line no-restricted-syntax -- Jest calls the default export.
export default function scratch(): void {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'lamplighter tests '));
  // A model may be a user of its own.
  chmodSync(folder, 0o755);
  process.env.TMPDIR = folder;
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
}

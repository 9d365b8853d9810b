import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Jest's globalSetup: a scratch folder that is deleted after the tests. Its name has a space, as people's
 * folders have.
 */
// eslint-disable-next-line no-restricted-syntax -- Jest calls the default export.
export default function scratch(): void {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'lamplighter tests '));
  // A model may run as another user.
  chmodSync(folder, 0o755);
  process.env.TMPDIR = folder;
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
}

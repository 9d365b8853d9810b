import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { clearSandboxes } from '../../../local-cloud/machine/sandbox';

const MODEL = 'i-1/opt/lamplighter/models/m/d/.venv/complete';
const LEDGER = 'i-1/opt/lamplighter/run/account.json';

/** A folder with the disk of one machine. */
function disks(): string {
  const folder = mkdtempSync(join(tmpdir(), 'disks '));
  for (const file of [MODEL, LEDGER, 'i-1/var/steps/x', 'i-1/home/y']) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), '');
  }
  return folder;
}

test('the next local cloud finds prepared models, and nothing of the jobs of the last', () => {
  const folder = disks();
  expect(clearSandboxes(folder, true)).toEqual(['i-1']);
  expect(existsSync(join(folder, MODEL))).toBe(true);
  for (const gone of [LEDGER, 'i-1/var', 'i-1/home']) expect(existsSync(join(folder, gone))).toBe(false);
});

test('a local cloud that deploys anew has empty disks', () => {
  const folder = disks();
  expect(clearSandboxes(folder, false)).toEqual([]);
  expect(existsSync(join(folder, 'i-1'))).toBe(false);
});

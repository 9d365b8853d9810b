import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { powerOffUnderLock } from '../../../runner/idle';

const hasFlock = spawnSync('flock', ['--version']).status === 0;

(hasFlock ? describe : describe.skip)('idle shutdown', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-idle-'));
  const lock = join(folder, 'drain.lock');
  const poweredOff = join(folder, 'powered-off');

  beforeAll(() => {
    writeFileSync(join(folder, 'systemctl'), `#!/bin/sh\ntouch '${poweredOff}'\n`);
    chmodSync(join(folder, 'systemctl'), 0o755);
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** The processes that have the lock file open. */
  const holders = () =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => descriptorsOf(pid).includes(lock))
      .map(Number);

  const descriptorsOf = (pid: string) => {
    try {
      const names = readdirSync(`/proc/${pid}/fd`);
      return names.map((name) => readlinkSync(`/proc/${pid}/fd/${name}`));
    } catch {
      return [];
    }
  };

  it('lets no drain begin from the order to power off until the machine is off: its model would die with the machine', async () => {
    expect(await powerOffUnderLock(lock, { PATH: `${folder}:/usr/local/bin:/usr/bin:/bin` })).toBe(0);
    expect(existsSync(poweredOff)).toBe(true);
    try {
      await sleep(200);
      expect(spawnSync('flock', ['-n', '-E', '75', lock, 'true']).status).toBe(75);
    } finally {
      for (const pid of holders()) process.kill(pid, 'SIGKILL');
    }
  });

  it('reports that the machine cannot be switched off, and leaves the lock', async () => {
    expect(await powerOffUnderLock(lock, { PATH: join(folder, 'empty') })).not.toBe(0);
    execFileSync('flock', ['-n', lock, 'true']);
  });
});

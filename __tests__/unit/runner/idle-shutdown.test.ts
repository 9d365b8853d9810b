import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

  it('lets no drain begin after poweroff was called: its model would die with the machine', async () => {
    const over = powerOffUnderLock(lock, 3, { PATH: `${folder}:/usr/local/bin:/usr/bin:/bin` });
    for (let tries = 0; tries < 1500 && !existsSync(poweredOff); tries += 1) await sleep(10);
    expect(spawnSync('flock', ['-n', '-E', '75', lock, 'true']).status).toBe(75);
    expect(await over).toBe(0);
    execFileSync('flock', ['-n', lock, 'true']);
  });
});

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '../../../../scripts/tools/process-groups';
import { Children } from '../../../../scripts/tools/children';
import { script, temporaryFolder } from '../stand-ins';

const folder = temporaryFolder();
afterAll(() => folder.remove());

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 8_000;
  while (!condition() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a child process', () => {
  it('reports its lines as they come, and its end', async () => {
    const lines: string[] = [];
    const children = new Children(new AbortController().signal);
    const end = await children.run('/bin/sh', ['-c', 'echo one; echo two >&2; exit 3'], {
      onLine: (line) => lines.push(line),
    });
    expect(lines.sort()).toEqual(['one', 'two']);
    expect(end).toMatchObject({ code: 3, stdout: 'one\n' });
  });

  it('ends with all its own children when the user interrupts, even if it ignores SIGTERM', async () => {
    const controller = new AbortController();
    const pids = join(folder.path, 'pids');
    const stubborn = script(
      join(folder.path, 'stubborn'),
      'trap "" TERM',
      'sleep 300 &',
      `echo "$$ $!" > '${pids}.new'; mv '${pids}.new' '${pids}'`,
      'while :; do sleep 1; done',
    );
    const run = new Children(controller.signal).run(stubborn, []);
    await until(() => existsSync(pids));
    controller.abort();
    await expect(run).rejects.toMatchObject({ exitCode: 130 });
    const group = readFileSync(pids, 'utf8').trim().split(' ').map(Number);
    await until(() => !group.some(isAlive));
    expect(group).toHaveLength(2);
  }, 30_000);

  it('does not start after the user has interrupted', async () => {
    const controller = new AbortController();
    controller.abort();
    const mark = join(folder.path, 'mark');
    await expect(new Children(controller.signal).run('/usr/bin/touch', [mark])).rejects.toMatchObject({
      exitCode: 130,
    });
    expect(existsSync(mark)).toBe(false);
  });

  it('ends after its time limit', async () => {
    const children = new Children(new AbortController().signal);
    await expect(children.run('/bin/sleep', ['300'], { timeLimitMs: 50 })).resolves.toMatchObject({
      code: null,
    });
  });

  it('of a program that does not exist throws the system’s code', async () => {
    const children = new Children(new AbortController().signal);
    await expect(children.run(join(folder.path, 'nothing'), [])).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is recorded while it runs', async () => {
    const record: string[] = [];
    const children = new Children(new AbortController().signal, {
      started: () => record.push('started'),
      ended: () => record.push('ended'),
    });
    await children.run('/bin/sh', ['-c', ':']);
    expect(record).toEqual(['started', 'ended']);
  });
});

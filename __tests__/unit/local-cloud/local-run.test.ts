import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { env, exportLines } from '../../../scripts/commands/env';
import { LocalRun, announcedEnvironment, isRunning } from '../../../local-cloud/local-run';
import { beginningOf } from '../../../scripts/tools/process-beginning';
import { recordingTerminal, temporaryFolder } from '../scripts/stand-ins';

const folder = temporaryFolder();
let folders = 0;
let directory: string;
beforeEach(() => {
  folders += 1;
  directory = join(folder.path, String(folders), 'local');
  mkdirSync(directory, { recursive: true });
});
afterAll(() => folder.remove());

const leave = (content: unknown) => writeFileSync(join(directory, 'run.json'), JSON.stringify(content));
const left = (more: object) => ({
  version: 1,
  pid: 1,
  began: '',
  startedAt: 'yesterday',
  children: [],
  ...more,
});

describe('one local cloud for each checkout', () => {
  it('a second one is refused, with the command that stops the first', async () => {
    const first = await LocalRun.begin(directory);
    await expect(LocalRun.begin(directory)).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(
        new RegExp(`running already \\(process ${process.pid}.*kill ${process.pid}`),
      ) as string,
    });
    await first.end();
    await (await LocalRun.begin(directory)).end();
  });

  it.each([
    ['ended long ago', left({ pid: 2_147_483_646, began: '1' })],
    ['whose process id another program has now', left({ pid: process.pid, began: 'another time' })],
    ['that left half a file', 'half'],
  ])('one %s does not block a new one', async (_, content) => {
    leave(content);
    await (await LocalRun.begin(directory)).end();
  });

  it('if several start at once after one that was killed, one runs', async () => {
    leave(left({ pid: 2_147_483_646, began: '1' }));
    const starts = await Promise.allSettled(Array.from({ length: 8 }, () => LocalRun.begin(directory)));
    const running = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
    expect(running).toHaveLength(1);
    expect(readdirSync(directory)).toEqual(['run.json']);
    await running[0]?.end();
  });

  it('the processes of a killed one are ended, and no others', async () => {
    const children = [0, 1].map(() => spawn('/bin/sleep', ['300'], { detached: true, stdio: 'ignore' }));
    const [orphan, other] = children.map((child) => child.pid ?? 0);
    leave(
      left({
        pid: 2_147_483_646,
        began: '1',
        children: [
          { pid: orphan, began: beginningOf(orphan ?? 0) },
          { pid: other, began: 'another time' },
        ],
      }),
    );
    const ended = once(children[0]!, 'exit');
    const run = await LocalRun.begin(directory);
    await ended;
    expect(children[1]!.exitCode).toBeNull();
    expect(process.kill(other ?? 0, 0)).toBe(true);
    process.kill(other ?? 0, 'SIGKILL');
    await run.end();
  });

  it('its children are recorded, for the next one', async () => {
    const run = await LocalRun.begin(directory);
    run.started(process.pid);
    expect(JSON.parse(readFileSync(join(directory, 'run.json'), 'utf8'))).toMatchObject({
      children: [{ pid: process.pid, began: beginningOf(process.pid) }],
    });
    run.ended(process.pid);
    expect(JSON.parse(readFileSync(join(directory, 'run.json'), 'utf8'))).toMatchObject({ children: [] });
    await run.end();
  });
});

describe('lamplighter env', () => {
  it('reads the variables of the running cloud only', async () => {
    const run = await LocalRun.begin(directory);
    await expect(announcedEnvironment(directory)).resolves.toBeUndefined();
    await expect(isRunning(directory)).resolves.toBe(true);
    run.announce({ AWS_ENDPOINT_URL: 'http://127.0.0.1:1' });
    await expect(announcedEnvironment(directory)).resolves.toEqual({
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    });
    await run.end();
    await expect(announcedEnvironment(directory)).resolves.toBeUndefined();
    await expect(isRunning(directory)).resolves.toBe(false);
  });

  it('prints every value so that a shell reads it unchanged', () => {
    const value = `a 'quoted' "path" $(touch x) \`y\` \\ with\nlines`;
    const lines = exportLines({ TRICKY: value });
    const seen = execFileSync(
      '/bin/sh',
      ['-c', `${lines.join('\n')}\nprintf %s "$TRICKY"; printf %s "$AWS_PROFILE"`],
      {
        env: { AWS_PROFILE: 'mine' },
      },
    );
    expect(seen.toString()).toBe(value);
  });
});

describe('lamplighter env --json', () => {
  it('prints an object of the variables, for programs other than shells', async () => {
    const run = await LocalRun.begin(directory);
    run.announce({ B: 'two', A: 'one' });
    const terminal = recordingTerminal();
    await env({ json: true }, terminal, directory);
    expect(JSON.parse(terminal.stdout.join('\n'))).toEqual({ A: 'one', B: 'two' });
    await run.end();
  });

  it('prints nothing if there are no variables', async () => {
    const terminal = recordingTerminal();
    await expect(env({ json: true }, terminal, directory)).rejects.toMatchObject({ exitCode: 3 });
    expect(terminal.stdout).toEqual([]);
  });
});

it('lamplighter env without a local cloud fails, so that a command after `&&` does not run', async () => {
  const terminal = recordingTerminal();
  await expect(env({ json: false }, terminal, directory)).rejects.toMatchObject({ exitCode: 3 });
  expect(terminal.stdout).toEqual(['false']);
});

import { PutObjectCommand } from '@aws-sdk/client-s3';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { receiptKey } from '../../lifecycle/job';
import { processesWithin } from '../../local-cloud/machine/process-scan';
import { chooseTarget } from '../../scripts/pipeline/target';
import { PACKAGE_FOLDER } from '../../scripts/tools/project';
import { eventually, hasMoto } from '../support/local-cloud';
import { PseudoTerminal, type Seen, openPty } from '../support/pseudo-terminal';

const program = join(PACKAGE_FOLDER, 'bin', 'lamplighter.js');
const sample = join(PACKAGE_FOLDER, 'models', 'breast-cancer', 'samples', 'patients.csv');

const pty = openPty();
const story = hasMoto() && pty ? describe : describe.skip;

/** Time limit of a start of the command line on a loaded machine, in milliseconds. */
jest.setTimeout(180_000);

/** Matches the words in any line breaks of the terminal. */
const sentences = ({ text }: Seen) => text.replace(/\s+/g, ' ');

const CTRL_C = '\u0003';

interface Listed {
  readonly jobs: readonly { readonly jobId: string; readonly key: string; readonly state: string }[];
}

/** Without this check, none of the tests below could fail. */
(pty ? it : it.skip)(
  'this terminal sees lines of words that are too wide, colours, and a hidden cursor',
  async () => {
    const see = (text: string) =>
      new PseudoTerminal(pty!, ['-p', JSON.stringify(text)], {
        columns: 20,
        cwd: tmpdir(),
        env: process.env,
      }).seen();
    const [wide, word] = ['one two three four five', 'x'.repeat(30)];
    expect(await see(`${wide}\n${word}\nshort`)).toMatchObject({
      ...{ code: 0, lines: [wide, word, 'short'], broken: [wide], hasColours: false },
      cursor: { wasHidden: false, isShown: true },
    });
    expect(await see('\u001b[31mred\u001b[39m\u001b[?25l')).toMatchObject({
      ...{ lines: ['red'], broken: [], hasColours: true, cursor: { wasHidden: true, isShown: false } },
    });
  },
);

/** The commands' output in a wide terminal, in a narrow one, and in a pipe. */
story('the command line in a terminal', () => {
  let folder: string;
  let environment: NodeJS.ProcessEnv;
  const terminals: PseudoTerminal[] = [];
  let cloud: ChildProcess;
  let output = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'terminal '));
    const { NO_COLOR: _noColor, FORCE_COLOR: _forceColor, ...own } = process.env;
    environment = { ...own, TERM: 'xterm-256color', LAMPLIGHTER_LOCAL_DIRECTORY: join(folder, 'cloud') };
    const [header = '', first = '', ...rows] = readFileSync(sample, 'utf8').split('\n');
    writeFileSync(join(folder, 'good.csv'), [header, first, ...rows].join('\n'));
    writeFileSync(join(folder, 'bad.csv'), `${header}\n${first.replace(/,[^,]*$/, ',oops')}\n`);
    writeFileSync(join(folder, 'image.png'), 'x');
    cloud = spawn(process.execPath, [program, 'local', '--timings', 'tests'], {
      env: environment,
      cwd: folder,
    });
    for (const stream of [cloud.stdout!, cloud.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    await eventually(
      'the sample’s predictions',
      () => {
        if (cloud.exitCode !== null) throw new Error(`the local cloud has ended:\n${output}`);
        return output.includes('id,probability_malignant,label') || undefined;
      },
      400_000,
    );
  }, 430_000);

  afterAll(async () => {
    for (const terminal of terminals) terminal.kill();
    cloud.kill('SIGINT');
    await eventually('its end', () => cloud.exitCode ?? undefined, 30_000).catch(() => cloud.kill('SIGKILL'));
    await eventually('the last process', () => processesWithin(folder).length === 0 || undefined);
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  function begin(args: readonly string[], columns = 80, more: NodeJS.ProcessEnv = {}): PseudoTerminal {
    const env = { ...environment, ...more };
    const terminal = new PseudoTerminal(pty!, [program, ...args], { columns, cwd: folder, env });
    terminals.push(terminal);
    return terminal;
  }

  const inTerminal = (args: readonly string[], columns = 80, more: NodeJS.ProcessEnv = {}): Promise<Seen> =>
    begin(args, columns, more).seen();

  function piped(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [program, ...args],
        { env: environment, cwd: folder },
        (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });
  }

  async function jobOf(key: string): Promise<string> {
    const { jobs } = JSON.parse((await piped('list', '--json')).stdout) as Listed;
    return jobs.find((job) => job.key === key)!.jobId;
  }

  it('submit --wait draws bars, then prints each step, the failure’s reason and the results, and exits 1', async () => {
    const terminal = begin(['submit', 'bad.csv', 'good.csv', '--wait']);
    const seen = await terminal.seen();
    await terminal.until(/all 2 .*% of/);
    expect(seen.text).not.toContain('all 2');
    expect(seen.text).toMatch(/instance +i-\w+ is (pending|running)/);
    expect(seen.text).toMatch(/job +bad\.csv: receipt: failed/);
    expect(sentences(seen)).toMatch(/Line 2, column \w+: "oops" is not allowed/);
    expect(seen.text).toMatch(/good\.csv: succeeded[^]*id,probability_malignant,label/);
    expect(seen).toMatchObject({ code: 1, broken: [], hasColours: true });
    expect(seen.cursor).toEqual({ wasHidden: true, isShown: true });
  });

  it('submit fits into forty columns', async () => {
    const seen = await inTerminal(['submit', 'good.csv', '--wait'], 40);
    expect(seen.text).toMatch(/id,probability_malignant,label/);
    expect(seen).toMatchObject({ code: 0, broken: [], cursor: { isShown: true } });
  });

  it.each<[readonly string[], number, RegExp, boolean]>([
    [['list'], 0, /failed +[0-9a-f]{12}[^]*bad\.csv[^]*the model exited[^]*succeeded/, true],
    [['list', '--failed'], 0, /^(?![^]*succeeded)[^]*failed +[0-9a-f]{12}/, true],
    [['status'], 0, /Instance +i-\w+[^]*Gate[^]*Receipts +the latest/, true],
    [['audit'], 0, /4 uploads that a model accepts: 4 with\s+a\s+receipt/, false],
    [['doctor'], 1, /Gate +CLOSED[^]*✗ job-failed: The job/, true],
    [['estimate', '--jobs-per-day', '4', '--minutes', '15'], 0, /USD +total[^]*cheaper than always/, true],
    [['report', '--out', 'report.html'], 0, /4 jobs, 1 failed;[^]*Written:\s+report\.html/, false],
    [['results', 'good.csv', '--out', 'copies'], 0, /good\.csv: succeeded[^]*id,probability_malignant/, true],
    [['results', 'bad.csv', '--out', 'copies'], 1, /bad\.csv: failed[^]*"oops"/, true],
  ])('%j reads well in a terminal, wide and narrow, and in a pipe', async (args, code, text, hasColours) => {
    for (const columns of [80, 40]) {
      const seen = await inTerminal(args, columns);
      expect(seen.text).toMatch(text);
      expect(seen).toMatchObject({ code, broken: [], hasColours });
    }
    const plain = await piped(...args);
    expect(plain.code).toBe(code);
    expect(plain.stdout).toMatch(text);
    expect(plain.stdout + plain.stderr).not.toContain('\u001b');
  });

  it('results and logs accept the first digits of a job', async () => {
    const short = (await jobOf('good.csv')).slice(0, 12);
    for (const columns of [80, 40]) {
      const results = await inTerminal(['results', short, '--out', 'by job'], columns);
      expect(results).toMatchObject({ code: 0, broken: [], text: expect.stringContaining(short) as string });
      const logs = await inTerminal(['logs', short], columns);
      expect(logs.text).toMatch(/drain +attempt begins[^]*good\.csv[^]*receipt written/);
      expect(logs.text).not.toContain('bad.csv');
      expect(logs).toMatchObject({ code: 0, broken: [], hasColours: false });
    }
    expect(existsSync(join(folder, 'by job', 'good.csv', short, 'files', 'predictions.csv'))).toBe(true);
    const { lines } = JSON.parse((await piped('logs', short, '--json')).stdout) as { lines: unknown[] };
    expect(lines.length).toBeGreaterThan(3);
  });

  it('output for programs and shells has no line breaks, however narrow the terminal', async () => {
    expect(JSON.parse((await inTerminal(['status', '--json'], 40)).text)).toMatchObject({
      command: 'status',
    });
    expect((await inTerminal(['env'], 40)).lines).toContain(
      'unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_SECURITY_TOKEN',
    );
  });

  it('plan prints in a terminal that nothing changes', async () => {
    const seen = await inTerminal(['plan']);
    expect(sentences(seen)).toContain('No changes: the deployed pipeline is as the project describes.');
    expect(seen).toMatchObject({ code: 0, broken: [], hasColours: true });
  });

  it('status --watch updates its lines in place until Ctrl-C; Ctrl-C ends a wait too', async () => {
    const watch = begin(['status', '--watch']);
    await watch.until('Receipts');
    expect((await inTerminal(['pause', '--why', 'somebody moves the lab'], 40)).code).toBe(0);
    await watch.until('somebody moves');
    watch.press(CTRL_C);
    const watched = await watch.seen();
    expect(watched).toMatchObject({ code: 130, broken: [], hasColours: true, cursor: { isShown: true } });
    expect(watched.text.match(/Pipeline/g)).toHaveLength(1);

    const wait = begin(['submit', 'good.csv', '--wait']);
    await wait.until('admitted: it is open now');
    wait.press(CTRL_C);
    const given = await wait.seen();
    expect(given).toMatchObject({ code: 130, broken: [], cursor: { isShown: true } });
    expect(given.text).toContain('Stopped waiting; the jobs continue');
    expect(sentences(await inTerminal(['resume']))).toMatch(
      /No longer paused \(the order was: .*somebody moves the lab\)\./,
    );
  });

  it('Ctrl-C during an upload removes the bars, shows the cursor, and names the uploaded files', async () => {
    writeFileSync(join(folder, 'huge.csv'), '');
    truncateSync(join(folder, 'huge.csv'), 4 * 1024 ** 3);
    const terminal = begin(['submit', 'huge.csv']);
    await terminal.until(/huge\.csv .*% of/);
    terminal.press(CTRL_C);
    const seen = await terminal.seen();
    expect(seen.text).toMatch(/interrupted: 0 of 1 files are uploaded/);
    expect(seen).toMatchObject({ code: 130, broken: [], cursor: { wasHidden: true, isShown: true } });
  });

  it('orders print their effect, or that they were given already', async () => {
    const order = async (columns: number, ...args: string[]) => {
      const seen = await inTerminal(args, columns);
      expect(seen).toMatchObject({ code: 0, broken: [] });
      return sentences(seen);
    };
    expect(await order(80, 'hold', '--why', 'I look')).toContain(
      'Held: once the instance is on, it stays on',
    );
    expect(await order(40, 'hold')).toMatch(/The instance was already held: .*I look/);
    expect(await order(80, 'release')).toMatch(/No longer held \(the order was: .*I look\)\./);
    expect(await order(40, 'warm')).toContain('It is held: it stays on and costs money');
    expect(await order(80, 'warm')).toContain('The instance was already on.');
    expect(await order(40, 'release')).toContain('No longer held');
  });

  it('retry runs a failed job again, once', async () => {
    const failed = await jobOf('bad.csv');
    const first = await inTerminal(['retry', failed.slice(0, 12)]);
    expect(first.text).toMatch(/A new version is a new job: [0-9a-f]{12}/);
    const second = await inTerminal(['retry', failed.slice(0, 12)], 40);
    expect(sentences(second)).toContain('has already been retried');
    expect([first, second]).toMatchObject([
      { code: 0, broken: [] },
      { code: 0, broken: [] },
    ]);
  });

  it.each<[string, readonly string[], number, RegExp]>([
    [
      'an unknown job',
      ['logs', 'ffffffffffff'],
      2,
      /No job of the pipeline breast-cancer begins with "ffffffffffff"/,
    ],
    ['a word that is no job id', ['retry', 'zebra'], 2, /"zebra" is not a job id/],
    ['a key without results', ['results', 'nobody.csv'], 2, /There are no results of "nobody.csv"/],
    ['a key that no model accepts', ['submit', 'image.png'], 2, /no model accepts the key "image\.png"/],
    ['another pipeline', ['list', '--pipeline', 'nobody'], 2, /There is no pipeline "nobody" here/],
  ])('%s: exit code and a sentence, in forty columns too', async (_what, args, code, text) => {
    const seen = await inTerminal(args, 40);
    expect(sentences(seen)).toMatch(text);
    expect(seen).toMatchObject({ code, broken: [] });
  });

  it('no local cloud, no credentials: exit code 3, and advice', async () => {
    const nowhere = { LAMPLIGHTER_LOCAL_DIRECTORY: join(folder, 'nowhere') };
    const stopped = await inTerminal(['list', '--cloud', 'local'], 80, nowhere);
    expect(stopped).toMatchObject({
      code: 3,
      broken: [],
      text: expect.stringContaining('npm start') as string,
    });
    const nobody = {
      HOME: folder,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_PROFILE: '',
      AWS_ACCESS_KEY_ID: '',
    };
    const unknown = await inTerminal(['list', '--cloud', 'aws'], 80, { ...nowhere, ...nobody });
    expect(unknown.text).toContain('No valid AWS credentials were found');
    expect(unknown).toMatchObject({ code: 3, broken: [] });
  });

  it('digits that two jobs begin with are answered with both jobs', async () => {
    const target = await chooseTarget({ cloud: 'local', directory: join(folder, 'cloud') });
    const { manifest } = JSON.parse((await piped('status', '--json')).stdout) as {
      manifest: { outputBucket: string };
    };
    for (const digit of ['0', '1']) {
      const Key = receiptKey('twin.csv', `abcdef${digit}`.padEnd(64, 'e'));
      await target.clients.s3.send(new PutObjectCommand({ Bucket: manifest.outputBucket, Key, Body: '{}' }));
    }
    const seen = await inTerminal(['logs', 'abcdef'], 40);
    expect(sentences(seen)).toContain(
      'Several jobs begin with "abcdef": abcdef0eeeee, abcdef1eeeee. Add more digits.',
    );
    expect(seen).toMatchObject({ code: 2, broken: [] });
  });

  it('a closed output ends a command quietly', async () => {
    for (const args of [['list'], ['status', '--json'], ['doctor']]) {
      const child = spawn(process.execPath, [program, ...args], { env: environment, cwd: folder });
      child.stdout.destroy();
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      const code = await new Promise((resolve) => child.on('close', resolve));
      expect(stderr.replace(/^Using .*\n/, '')).toBe('');
      // 130 if the command notices before its own end; 1 is the doctor's exit code for findings.
      expect([0, 1, 130]).toContain(code);
    }
  });
});

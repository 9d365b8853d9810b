import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processesWithin } from '../../local-cloud/machine/process-scan';
import { PACKAGE_FOLDER } from '../../scripts/tools/project';
import { eventually, hasMoto } from '../support/local-cloud';

const program = join(PACKAGE_FOLDER, 'bin', 'lamplighter.js');
const sample = join(PACKAGE_FOLDER, 'models', 'breast-cancer', 'samples', 'patients.csv');

const story = hasMoto() ? describe : describe.skip;

/** The first steps of a new user: the local cloud in one terminal, `submit` in a second one. */
story('lamplighter local, and a second terminal', () => {
  const folder = mkdtempSync(join(tmpdir(), 'two terminals '));
  const environment = {
    ...process.env,
    LAMPLIGHTER_LOCAL_DIRECTORY: join(folder, 'cloud'),
    NO_COLOR: '1',
  };
  let cloud: ChildProcess;
  let output = '';

  beforeAll(async () => {
    cloud = spawn(process.execPath, [program, 'local', '--timings', 'tests'], { env: environment });
    for (const stream of [cloud.stdout!, cloud.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    await eventually(
      'the sample’s predictions',
      () => output.includes('id,probability_malignant,label') || undefined,
      300_000,
    );
  }, 330_000);

  afterAll(async () => {
    if (cloud.exitCode === null) cloud.kill('SIGKILL');
    await eventually('the last process', () => processesWithin(folder).length === 0 || undefined);
    rmSync(folder, { recursive: true, force: true });
  });

  function lamplighter(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    return new Promise((resolve) => {
      const options = { env: environment, cwd: folder };
      execFile(process.execPath, [program, ...args], options, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });
  }

  it('shows the steps and the predictions of the sample', () => {
    for (const step of ['terraform', 'is running', 'receipt: succeeded', 'id,probability_malignant,label']) {
      expect(output).toContain(step);
    }
  });

  it('copies the results of a submitted file, and exits 0', async () => {
    const file = join(folder, 'my patients.csv');
    writeFileSync(file, readFileSync(sample));
    const { code, stdout } = await lamplighter('submit', file, '--wait', '--out', join(folder, 'out'));
    expect(stdout).toContain('id,probability_malignant,label');
    expect(code).toBe(0);
    const copies = readdirSync(join(folder, 'out'), { recursive: true }).map(String);
    expect(copies.some((name) => name.endsWith('predictions.csv'))).toBe(true);
  }, 180_000);

  it('names row and column of a bad file, runs the good file beside it, and exits 1', async () => {
    const bad = join(folder, 'bad.csv');
    const good = join(folder, 'good.csv');
    const text = readFileSync(sample, 'utf8');
    const [header = '', row = ''] = text.split('\n');
    writeFileSync(bad, `${header}\n${row.replace(/,[^,]*$/, ',oops')}\n`);
    writeFileSync(good, text);
    const { code, stdout, stderr } = await lamplighter('submit', bad, good, '--wait');
    expect(stdout + stderr).toMatch(/Line 2, column \w+: "oops"/);
    expect(stdout).toContain('good.csv: succeeded');
    expect(code).toBe(1);
  }, 180_000);

  it('reports before the upload that no model accepts a file, and exits 2', async () => {
    const image = join(folder, 'image.png');
    writeFileSync(image, 'x');
    const { code, stderr } = await lamplighter('submit', image);
    expect(stderr).toContain('.csv');
    expect(code).toBe(2);
  }, 180_000);

  it('shows the pipeline’s state, for people and for programs', async () => {
    expect((await lamplighter('status')).stdout).toContain('breast-cancer');
    const { stdout } = await lamplighter('status', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ pipeline: 'breast-cancer' });
  }, 180_000);

  it('writes a report that counts each ended job, and the live page shows the same', async () => {
    const { stdout } = await lamplighter('report', '--json', '--out', join(folder, 'report.html'));
    const counted = JSON.parse(stdout) as { jobs: { key: string; outcome: string }[]; onMs: number };
    expect(counted.jobs.map(({ key, outcome }) => `${key} ${outcome}`).sort()).toEqual([
      'bad.csv failed',
      'good.csv succeeded',
      'my patients.csv succeeded',
      'patients.csv succeeded',
    ]);
    expect(counted.onMs).toBeGreaterThan(0);
    const [, url = ''] = /a field for uploads: (\S+)/.exec(output) ?? [];
    const live = await (await fetch(url)).text();
    for (const page of [readFileSync(join(folder, 'report.html'), 'utf8'), live]) {
      expect(page).toMatch(/id="jobs">4</);
      expect(page).toMatch(/id="failed">1</);
    }
    const [, link = ''] = /href="([^"]+)"[^>]*>predictions\.csv</.exec(live) ?? [];
    const result = await fetch(new URL(link.replaceAll('&#38;', '&'), url));
    expect(result.headers.get('content-disposition')).toContain('predictions.csv');
    expect(await result.text()).toContain('id,probability_malignant,label');
  }, 180_000);

  it('plans no change for an unchanged project', async () => {
    const { code, stdout } = await lamplighter('plan');
    expect(stdout).toContain('No changes: the deployed pipeline is as the project describes.');
    expect(code).toBe(0);
  }, 240_000);

  it('stops everything on Ctrl-C', async () => {
    cloud.kill('SIGINT');
    const code = await eventually('its end', () => cloud.exitCode ?? undefined, 60_000);
    expect(code).toBe(130);
    expect(processesWithin(folder)).toEqual([]);
  }, 90_000);
});

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { processesWithin } from '../../local-cloud/machine/process-scan';
import { PACKAGE_FOLDER } from '../../scripts/tools/project';
import { eventually, hasMoto } from '../support/local-cloud';

const program = join(PACKAGE_FOLDER, 'bin', 'lamplighter.js');

type Line = Record<string, unknown> & { readonly event: string };

/** A script that runs one job: it reads lines of JSON and uses the last one. */
(hasMoto() ? describe : describe.skip)('lamplighter local --once --json', () => {
  const folder = mkdtempSync(join(tmpdir(), 'local json '));
  const cloudFolder = join(folder, 'cloud');
  const environment = { ...process.env, LAMPLIGHTER_LOCAL_DIRECTORY: cloudFolder };
  const output = { stdout: '', stderr: '' };
  let cloud: ChildProcess;

  beforeAll(() => {
    cloud = spawn(process.execPath, [program, 'local', '--once', '--json', '--timings', 'tests'], {
      env: environment,
    });
    for (const name of ['stdout', 'stderr'] as const)
      cloud[name]!.setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  });
  afterAll(async () => {
    if (cloud.exitCode === null) cloud.kill('SIGINT');
    await eventually('the last process', () => processesWithin(folder).length === 0 || undefined, 60_000);
    rmSync(folder, { recursive: true, force: true });
  });

  const lines = () =>
    output.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);

  it('prints `ready`, and from then on lamplighter env --json has the variables', async () => {
    const ready = await eventually(
      'the line that says so',
      () => lines().find(({ event }) => event === 'ready'),
      300_000,
    );
    const { stdout } = await promisify(execFile)(process.execPath, [program, 'env', '--json'], {
      env: environment,
    });
    expect(JSON.parse(stdout)).toMatchObject({ AWS_ENDPOINT_URL: ready.endpoint });
  }, 310_000);

  it('prints the upload, the cloud’s events, the end with copies of the results, and then the outcome', async () => {
    const code = await eventually('its end', () => cloud.exitCode ?? undefined, 120_000);
    expect(code).toBe(0);
    const all = lines();
    const named = (name: string) => all.filter(({ event }) => event === name);
    const [uploaded] = named('uploaded');
    expect(uploaded).toMatchObject({ key: 'patients.csv' });
    for (const kind of ['notification', 'function', 'instance', 'command'])
      expect(named('happening')).toContainEqual(expect.objectContaining({ kind }));
    expect(named('ended')).toMatchObject([{ jobId: uploaded!.jobId, outcome: 'succeeded' }]);
    const [ended] = named('ended') as unknown as { results: { key: string; file: string }[] }[];
    const copy = ended!.results.find(({ key }) => key.endsWith('/predictions.csv'))!;
    expect(readFileSync(copy.file, 'utf8')).toContain('id,probability_malignant,label');
    expect(all.at(-1)).toMatchObject({
      event: 'done',
      ...{ outcome: 'succeeded', exitCode: 0, jobs: { succeeded: 1, failed: 0 } },
    });
    expect(named('page')).toEqual([]);
    expect(output.stderr).toContain('shut down in');
  }, 130_000);

  it('takes over the deployment at the next start, and the job runs in it as before', async () => {
    const next = await once(['local', '--once', '--timings', 'tests']);
    expect(next).toContain('nothing has changed since the last start: its deployment was taken over');
    expect(next).not.toContain('denied');
    expect(next).toContain('the job succeeded, the instance is stopped');
  }, 130_000);

  it('deploys anew when the kept deployment cannot be repeated', async () => {
    const [file] = readdirSync(cloudFolder).filter((name) => name.startsWith('deployed.'));
    const kept = readFileSync(join(cloudFolder, file!), 'utf8');
    writeFileSync(join(cloudFolder, file!), kept.replace('"ids":[]', '"ids":["i-0123456789abcdef0"]'));
    const next = await once(['local', '--once', '--timings', 'tests']);
    expect(next).toContain('everything is deployed anew');
    expect(next).toContain('the job succeeded, the instance is stopped');
  }, 310_000);

  /** Runs the command to its end. Returns what it printed. */
  async function once(args: string[]): Promise<string> {
    const run = promisify(execFile)(process.execPath, [program, ...args], { env: environment });
    const { stdout, stderr } = await run.catch(
      (error: unknown) => error as { stdout: string; stderr: string },
    );
    return stdout + stderr;
  }
});

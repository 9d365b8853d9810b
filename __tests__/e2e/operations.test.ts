import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { PACKAGE_FOLDER } from '../../scripts/tools/project';
import { DeployedPipeline } from '../support/deployed-pipeline';
import { NO_SWEEP, eventually, hasMoto, json } from '../support/local-cloud';

const settings = {
  name: 'watched',
  models: ['__tests__/e2e/models/puppet', '__tests__/e2e/models/strict'],
  leaseSeconds: 15,
  lingerSeconds: 0,
  disposable: true,
  alarmEmails: ['ada@example.org'],
};

const story = hasMoto() ? describe : describe.skip;

/** Logs, metrics and orders of a deployed pipeline, as an operator uses them. */
story('a pipeline that is watched', () => {
  let pipeline: DeployedPipeline;

  beforeAll(async () => {
    // No scheduled sweep: it would do the work of the commands under test.
    pipeline = await DeployedPipeline.deploy({ pipelines: [settings] }, { timings: NO_SWEEP });
    await pipeline.cloud.faults.sweepNow();
    await pipeline.comesToRest();
  }, 300_000);

  afterAll(() => (pipeline as DeployedPipeline | undefined)?.end());
  beforeEach(() => pipeline.isQuiet(), 90_000);

  /** All lines of a log group. */
  async function lines(logGroupName: string): Promise<string[]> {
    const { events } = await json<{ events: { message: string }[] }>(
      pipeline.cloud,
      'logs',
      'Logs_20140328.FilterLogEvents',
      { logGroupName, limit: 10_000 },
    );
    return events.map(({ message }) => message);
  }

  it('has a job’s id in the log of each of its four parts, and the model’s own lines', async () => {
    const job = await pipeline.upload('one.txt', 'hello');
    await pipeline.receipt(job);
    await pipeline.comesToRest();
    const groups = ['trigger', 'worker', 'stop'].map((name) => `/aws/lambda/watched-${name}`);
    for (const group of [...groups, pipeline.manifest.drainLogGroup]) {
      await eventually(`job in ${group}`, async () =>
        (await lines(group)).some((line) => line.includes(job.jobId)) ? true : undefined,
      );
    }
    const said = await eventually('the model’s words', async () =>
      (await lines(pipeline.manifest.drainLogGroup)).find((line) => line.includes('"run says"')),
    );
    expect(JSON.parse(said)).toMatchObject({
      part: 'drain',
      pipeline: 'watched',
      jobId: job.jobId,
      attempt: 1,
    });
  }, 90_000);

  it('counts a success, a failure and each sweep in the metrics that the alarms read', async () => {
    await pipeline.receipt(await pipeline.upload('bad.txt', 'fail'));
    await pipeline.comesToRest();
    await pipeline.cloud.faults.sweepNow();
    const counted = async (metric: string) =>
      (await lines('/aws/lambda/watched-stop'))
        .filter((line) => line.includes('"_aws"'))
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter((line) => metric in line);
    for (const metric of ['JobsFailed', 'OpenJobs']) {
      const [line] = await eventually(`a value of ${metric}`, async () => {
        const values = await counted(metric);
        return values.length > 0 ? values : undefined;
      });
      expect(line).toMatchObject({
        service: 'watched',
        _aws: { CloudWatchMetrics: [{ Namespace: 'Lamplighter' }] },
      });
    }
  }, 90_000);

  /** Runs the command line against this cloud, as in another terminal. */
  function lamplighter(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const program = join(PACKAGE_FOLDER, 'bin', 'lamplighter.js');
    const env = { ...process.env, LAMPLIGHTER_LOCAL_DIRECTORY: pipeline.cloud.directory, NO_COLOR: '1' };
    return new Promise((resolve) => {
      execFile(process.execPath, [program, ...args], { env }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });
  }

  /** The `did` of a command that prints JSON. */
  async function did(...args: string[]): Promise<Record<string, unknown>> {
    const { code, stdout, stderr } = await lamplighter(...args, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  it('pauses: uploads wait, and run on resume; a repeated order changes nothing', async () => {
    expect(await did('pause', '--why', 'the data is wrong')).toMatchObject({
      command: 'pause',
      pipeline: 'watched',
      changed: true,
      open: 0,
      pause: expect.stringContaining('the data is wrong') as string,
    });
    expect(await did('pause')).toMatchObject({ changed: false });
    const { startCalls } = pipeline.cloud.faults;
    const job = await pipeline.upload('waits.txt', 'hello');
    await eventually('the open record', async () =>
      (await pipeline.keys(pipeline.manifest.controlBucket, 'open/')).length > 0 ? true : undefined,
    );
    await pipeline.cloud.faults.sweepNow();
    const early = await lamplighter('retry', job.jobId.slice(0, 12));
    expect(early).toMatchObject({ code: 2, stderr: expect.stringContaining('still open') as string });
    expect(pipeline.cloud.faults.startCalls).toBe(startCalls);

    expect(await did('resume')).toMatchObject({ changed: true, sweep: { did: 'woke', wake: 'woken' } });
    expect((await pipeline.receipt(job)).outcome).toBe('succeeded');
    await pipeline.comesToRest();
    expect(await did('resume')).toMatchObject({ changed: false, sweep: { did: 'nothing' } });
  }, 120_000);

  it('warms: the machine is on before and after the upload, and stops on release', async () => {
    expect(await did('warm')).toMatchObject({ changed: true, was: 'stopped' });
    expect(await pipeline.state()).toBe('running');
    expect(await did('warm')).toMatchObject({ changed: false, was: 'running' });
    expect(await did('hold')).toMatchObject({ changed: false });
    const { startCalls } = pipeline.cloud.faults;
    expect((await pipeline.receipt(await pipeline.upload('warm.txt', 'hello'))).outcome).toBe('succeeded');
    await pipeline.cloud.faults.sweepNow();
    expect(await pipeline.state()).toBe('running');
    expect(pipeline.cloud.faults.startCalls).toBe(startCalls);
    await pipeline.isQuiet();
    expect(await did('release')).toMatchObject({ changed: true, sweep: { did: 'stopped' } });
    await pipeline.comesToRest();
    expect(await did('release')).toMatchObject({ changed: false });
  }, 120_000);

  it('does not warm a paused pipeline: one of the two orders is a mistake', async () => {
    await did('pause');
    expect(await lamplighter('warm')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('npx lamplighter resume') as string,
    });
    expect(await pipeline.state()).toBe('stopped');
    await did('resume');
  }, 60_000);

  it('retries a failed job as a new job, once for repeated orders, and keeps its receipt', async () => {
    const failed = await pipeline.upload('in/dir ectory/ü.txt', 'fail');
    const before = await pipeline.receipt(failed);
    await pipeline.comesToRest();
    const first = await did('retry', failed.jobId.slice(0, 10));
    expect(first).toMatchObject({ changed: true, jobId: failed.jobId, key: failed.key });
    const second = { key: failed.key, jobId: String(first.newJobId) };
    expect(second.jobId).not.toBe(failed.jobId);
    expect((await pipeline.receipt(second)).input).toMatchObject({ key: failed.key, sizeBytes: 4 });
    await pipeline.comesToRest();
    expect(await did('retry', failed.jobId)).toMatchObject({
      changed: false,
      newJobId: second.jobId,
      newJob: 'failed',
    });
    expect(await pipeline.receipt(failed)).toEqual(before);
    expect((await did('retry', second.jobId)).newJobId).not.toBe(second.jobId);
    await pipeline.comesToRest();
  }, 120_000);

  it('does not retry a failed upload that is older than the newest one, unless --anyway is set', async () => {
    const failed = await pipeline.upload('mended.txt', 'fail');
    await pipeline.receipt(failed);
    const mended = await pipeline.upload('mended.txt', 'hello');
    expect((await pipeline.receipt(mended)).outcome).toBe('succeeded');
    await pipeline.comesToRest();
    expect(await lamplighter('retry', failed.jobId)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--anyway') as string,
    });
    expect(await lamplighter('retry', mended.jobId)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('has succeeded') as string,
    });
    expect(await did('retry', failed.jobId, '--anyway')).toMatchObject({ changed: true });
    await pipeline.comesToRest();
  }, 120_000);

  it.each([
    [['retry', 'zebra'], /"zebra" is not a job id/],
    [['retry', '0123456789abcdef0123'], /No job of the pipeline watched begins with/],
    [['pause', '--pipeline', 'nope'], /There is no pipeline "nope" here\. Deployed: watched/],
  ])(
    'says what is wrong with %j',
    async (args, sentence) => {
      const { code, stderr } = await lamplighter(...args);
      expect(stderr).toMatch(sentence);
      expect(code).toBe(2);
    },
    30_000,
  );

  it('has an empty Terraform plan afterwards', async () => {
    const { code, output } = await pipeline.plan();
    expect(output).toContain('No changes.');
    expect(code).toBe(0);
  }, 60_000);
});

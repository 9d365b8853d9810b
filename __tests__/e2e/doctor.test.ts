import {
  CreateTagsCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DeleteObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jobIdOf } from '../../lifecycle/job';
import type { Gate } from '../../lifecycle/records';
import { doctor, type DoctorOptions } from '../../scripts/commands/doctor';
import type { Finding } from '../../scripts/doctor/findings';
import { hold, pause, release, resume, warm } from '../../scripts/pipeline/orders';
import { type CommandResult, type PipelineHandle, runOnPipeline } from '../../scripts/pipeline/connect';
import { PACKAGE_FOLDER, PROJECT_FOLDER } from '../../scripts/tools/project';
import { stackFolder } from '../../scripts/tools/stack';
import { DeployedPipeline } from '../support/deployed-pipeline';
import { NO_SWEEP, eventually, hasMoto } from '../support/local-cloud';
import { recordingTerminal } from '../unit/scripts/stand-ins';

const settings = {
  name: 'patient',
  models: ['__tests__/e2e/models/puppet', '__tests__/e2e/models/strict'],
  leaseSeconds: 15,
  // The drain of the last job has time to delete its claim.
  lingerSeconds: 1,
  breakerWakeUps: 1,
  disposable: true,
};

const story = hasMoto() ? describe : describe.skip;

/** Each test breaks one thing, checks that the doctor names it, and repairs it. A scheduled sweep would repair it first. */
story('lamplighter doctor', () => {
  let pipeline: DeployedPipeline;

  beforeAll(async () => {
    pipeline = await DeployedPipeline.deploy({ pipelines: [settings] }, { timings: NO_SWEEP });
    await sweep();
    await pipeline.comesToRest();
  }, 300_000);

  afterAll(() => (pipeline as DeployedPipeline | undefined)?.end());

  /** Makes the last sweep recent, however slow the machine is: a missing sweep is another finding. */
  beforeEach(async () => {
    pipeline.cloud.faults.agentsAreMute = false;
    await sweep();
    await pipeline.isQuiet();
  }, 90_000);

  const sweep = () => pipeline.cloud.faults.sweepNow();
  const instance = () => ({ InstanceIds: [pipeline.manifest.instanceId] });

  /** The doctor's findings so many minutes from now, so that only lasting conditions count. */
  async function examine(minutesAhead = 0, options: Partial<DoctorOptions> = {}) {
    const terminal = recordingTerminal();
    const clock = { now: () => Date.now() + minutesAhead * 60_000, sleep: () => Promise.resolve() };
    const { directory } = pipeline.cloud;
    const asked = { json: true, uploads: 200, hours: 24, plan: false, directory, cloud: 'local' as const };
    const own = { settings: { pipelines: [settings], project: PROJECT_FOLDER } };
    const code = await doctor({ ...asked, ...own, ...options }, terminal, clock);
    const report = JSON.parse(terminal.stdout.join('\n')) as {
      findings: Finding[];
      unseen: unknown[];
      open: { jobs: { jobId: string; because: string }[] };
    };
    expect(report.unseen).toEqual([]);
    for (const { advice, what } of report.findings) {
      expect(advice).toMatch(/\w/);
      expect(what).toMatch(/\w/);
    }
    return { code, ...report, names: report.findings.map(({ name }) => name) };
  }

  function lamplighter(args: string[], directory = pipeline.cloud.directory) {
    const program = join(PACKAGE_FOLDER, 'bin', 'lamplighter.js');
    const env = { ...process.env, LAMPLIGHTER_LOCAL_DIRECTORY: directory, NO_COLOR: '1' };
    return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [program, ...args], { env }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });
  }

  /** Runs a command of the operator in this process. */
  async function act(
    command: string,
    how: (handle: PipelineHandle) => Promise<CommandResult>,
  ): Promise<void> {
    const { directory } = pipeline.cloud;
    await runOnPipeline(command, { json: true, cloud: 'local', directory }, recordingTerminal(), how);
  }

  it('has no findings after work is done, and exits 0', async () => {
    expect((await pipeline.receipt(await pipeline.upload('well.txt', 'hello'))).outcome).toBe('succeeded');
    await pipeline.comesToRest();
    // Ten minutes later too: waiting alone does not cause the findings of the tests below.
    for (const minutes of [0, 10]) expect(await examine(minutes)).toMatchObject({ code: 0, findings: [] });
    const { code, stdout } = await lamplighter(['doctor', '--cloud', 'local']);
    expect(stdout).toContain('✓ All is well.');
    expect(code).toBe(0);
  }, 60_000);

  it('has no findings while a job runs, and reports the job', async () => {
    const job = await pipeline.upload('busy.txt', 'sleep 8');
    await pipeline.isRunning(job);
    const { code, open } = await examine();
    expect(open.jobs).toMatchObject([{ jobId: job.jobId, because: 'attempt 1 runs' }]);
    expect(code).toBe(0);
    await pipeline.receipt(job);
    await pipeline.comesToRest();
  }, 60_000);

  it('names a pause and the jobs that wait for its end, and exits 1', async () => {
    await act('pause', (handle) => pause(handle, 'moving house'));
    const job = await pipeline.upload('waits.txt', 'hello');
    await pipeline.isOpen(job);
    const { code, names, findings, open } = await examine(30);
    expect(names).toContain('paused');
    expect(names).not.toContain('job-waits');
    expect(findings[0]!.what).toMatch(/moving house\. 1 job waits/);
    expect(open.jobs).toMatchObject([{ jobId: job.jobId, because: 'the pipeline is paused' }]);
    expect(code).toBe(1);
    const { stdout } = await lamplighter(['doctor']);
    expect(stdout).toMatch(/✗ paused: .*moving house[\s\S]*→ .*npx lamplighter resume.*#paused/);
    await act('resume', resume);
    await pipeline.receipt(job);
    await pipeline.comesToRest();
  }, 90_000);

  it('names a forgotten hold', async () => {
    await act('hold', (handle) => hold(handle, undefined));
    expect((await examine()).names).toEqual(['held']);
    await act('release', release);
    expect((await examine()).names).toEqual([]);
  }, 60_000);

  it('names a gate whose closer died, and its advice repairs the gate', async () => {
    const gate: Gate = {
      ...({ version: 1, state: 'CLOSING', by: 'stop dead-request', nonce: 'n' } as const),
      since: new Date(Date.now() - 10 * 60_000).toISOString(),
      ...{ fruitless: 0, progressMark: '', lastEnd: '' },
    };
    await pipeline.writeControl('gate.json', JSON.stringify(gate));
    const { names, findings } = await examine();
    expect(names).toEqual(['gate-stuck']);
    expect(findings[0]!.what).toContain('stop dead-request');
    await act('resume', resume);
    await pipeline.comesToRest();
    expect((await examine()).names).toEqual([]);
  }, 60_000);

  it('names a gate that cannot be read', async () => {
    await pipeline.writeControl('gate.json', '<html>');
    expect((await examine()).names).toEqual(['gate-unreadable']);
    await pipeline.receipt(await pipeline.upload('mends-the-gate.txt', 'hello'));
    await pipeline.comesToRest();
    expect((await examine()).names).toEqual([]);
  }, 60_000);

  it('names an open record that cannot be read', async () => {
    const bucket = pipeline.manifest.dataBucket;
    const nobody = jobIdOf({ bucket, key: 'nobody.txt', versionId: 'x' });
    await pipeline.writeControl(`open/${nobody}.json`, '{"half":');
    const { names, findings } = await examine();
    expect(names).toContain('open-unreadable');
    expect(findings.find(({ name }) => name === 'open-unreadable')!.jobIds).toEqual([nobody]);
    await sweep();
    await pipeline.comesToRest();
    expect((await examine()).names).toEqual([]);
  }, 60_000);

  it('names a claim that a drain left behind, but not a claim with a valid lease', async () => {
    const bucket = pipeline.manifest.dataBucket;
    const jobId = jobIdOf({ bucket, key: 'left.txt', versionId: 'x' });
    const at = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();
    const claim = {
      ...{ version: 1, jobId, attempt: 1, bootId: 'b', drainId: 'd', nonce: 'n' },
      ...{ claimedAt: at(-5), leaseUntil: at(5) },
    };
    await pipeline.writeControl(`claims/${jobId}.json`, JSON.stringify(claim));
    expect((await examine()).names).toEqual([]);
    expect((await examine(16)).names).toEqual(['sweep-missed', 'claim-without-job']);
    const Key = `claims/${jobId}.json`;
    await pipeline.s3.send(new DeleteObjectCommand({ Bucket: pipeline.manifest.controlBucket, Key }));
  }, 60_000);

  it('names an instance that is on without an open job', async () => {
    await pipeline.ec2.send(new StartInstancesCommand(instance()));
    await pipeline.reaches('running');
    expect((await examine()).names).toEqual([]);
    const names = await eventually('the agent', async () => {
      const found = await examine(10);
      return found.names.includes('agent-silent') ? undefined : found.names;
    });
    expect(names).toEqual(['on-with-nothing-open']);
    await act('release', release);
    await pipeline.comesToRest();
  }, 60_000);

  it('names an agent that does not report', async () => {
    pipeline.cloud.faults.agentsAreMute = true;
    await act('warm', (handle) => warm(handle, undefined));
    // An instance that is still pending has no agent.
    await pipeline.reaches('running');
    expect((await examine()).names).toEqual(['held']);
    expect((await examine(6)).names).toEqual(['held', 'agent-silent']);
    pipeline.cloud.faults.agentsAreMute = false;
    await act('release', release);
    await pipeline.comesToRest();
  }, 60_000);

  it('names an upload whose event was lost, until the sweep finds it', async () => {
    pipeline.cloud.faults.dropNotifications('data', 1);
    const job = await pipeline.upload('lost.txt', 'hello');
    const { names, findings } = await examine(6);
    expect(names).toEqual(['lost-upload']);
    expect(findings[0]).toMatchObject({
      jobIds: [job.jobId],
      what: expect.stringContaining('lost.txt') as string,
    });
    await sweep();
    await pipeline.receipt(job);
    await pipeline.comesToRest();
    expect((await examine(6)).names).toEqual([]);
  }, 60_000);

  it('names a missing sweep', async () => {
    expect((await examine(20)).names).toEqual(['sweep-missed']);
    await sweep();
  }, 60_000);

  it('names a model that differs from the deployed one', async () => {
    const project = mkdtempSync(join(tmpdir(), 'changed model '));
    for (const folder of settings.models) {
      cpSync(join(PROJECT_FOLDER, folder), join(project, folder), { recursive: true });
    }
    const own = { settings: { pipelines: [settings], project } };
    expect((await examine(0, own)).names).toEqual([]);
    writeFileSync(join(project, settings.models[0]!, 'weights.bin'), 'new');
    const { names, findings } = await examine(0, own);
    expect(names).toEqual(['models-differ']);
    expect(findings[0]!.what).toMatch(/model puppet: changed\./);
    rmSync(project, { recursive: true });
  }, 60_000);

  it('names a change by hand, with --plan', async () => {
    const terraform = { folder: stackFolder(pipeline.stack), environment: pipeline.stack.environment };
    const asked = { plan: true, terraform };
    expect((await examine(0, asked)).names).toEqual([]);
    const name = (Value: string) =>
      pipeline.ec2.send(
        new CreateTagsCommand({
          Resources: [pipeline.manifest.instanceId],
          Tags: [{ Key: 'Name', Value }],
        }),
      );
    await name('by hand');
    expect((await examine(0, asked)).names).toEqual(['plan-differs']);
    await name(settings.name);
  }, 120_000);

  it('names an event that a function could not handle, and the reason', async () => {
    const lambda = new LambdaClient(pipeline.cloud.client);
    await lambda.send(
      new InvokeCommand({
        FunctionName: pipeline.manifest.functions.trigger,
        InvocationType: 'Event',
        Payload: '{"poison":true}',
      }),
    );
    const found = await eventually('the event in the queue', async () => {
      const { findings } = await examine();
      return findings.find(({ name }) => name === 'failed-events');
    });
    expect(found.what).toMatch(/patient-trigger, request .*this function does not support the event/);
  }, 60_000);

  it('names a failed job, until a job of the same key succeeds', async () => {
    const failed = await pipeline.upload('mended.txt', 'fail');
    await pipeline.receipt(failed);
    await pipeline.comesToRest();
    const ofFailed = ({ name, jobIds }: Finding) => name === 'job-failed' && jobIds?.[0] === failed.jobId;
    const found = (await examine()).findings.find(ofFailed);
    expect(found?.what).toContain('the model exited with code 7');
    expect(found?.advice).toContain(`npx lamplighter retry ${failed.jobId.slice(0, 12)}`);
    await pipeline.receipt(await pipeline.upload('mended.txt', 'hello'));
    await pipeline.comesToRest();
    expect((await examine()).findings.find(ofFailed)).toBeUndefined();
  }, 90_000);

  it('names an open job whose upload has been deleted', async () => {
    await act('pause', (handle) => pause(handle, undefined));
    const job = await pipeline.upload('deleted.txt', 'hello');
    await pipeline.isOpen(job);
    const { dataBucket: Bucket } = pipeline.manifest;
    const { VersionId } = await pipeline.s3.send(new HeadObjectCommand({ Bucket, Key: job.key }));
    await pipeline.s3.send(new DeleteObjectCommand({ Bucket, Key: job.key, VersionId }));
    const { findings } = await examine();
    expect(findings.find(({ name }) => name === 'open-without-upload')!.jobIds).toEqual([job.jobId]);
    await act('resume', resume);
    expect((await pipeline.receipt(job)).error?.kind).toBe('input gone');
    await pipeline.comesToRest();
  }, 90_000);

  it('names a breaker that has tripped, and with its advice the job runs', async () => {
    pipeline.cloud.faults.agentsAreMute = true;
    const job = await pipeline.upload('trips.txt', 'hello');
    await pipeline.reaches('running');
    await forgetLastWork();
    pipeline.cloud.faults.crashInstance(pipeline.manifest.instanceId);
    const found = await eventually(
      'the trip',
      async () => (await examine()).findings.find(({ name }) => name === 'breaker-tripped'),
      45_000,
    );
    expect(found.what).toMatch(/breaker: 1 wake-ups in a row without work.*1 job waits/);
    expect((await examine()).names).not.toContain('paused');
    pipeline.cloud.faults.agentsAreMute = false;
    await pipeline.comesToClosed();
    await act('resume', resume);
    expect((await pipeline.receipt(job)).outcome).toBe('succeeded');
    await pipeline.comesToRest();
  }, 90_000);

  /** As if the last job had ended two minutes ago. The breaker counts wake-ups within a minute as one. */
  async function forgetLastWork(): Promise<void> {
    const { controlBucket: Bucket } = pipeline.manifest;
    const { ETag } = await pipeline.s3.send(new HeadObjectCommand({ Bucket, Key: 'status/drain.json' }));
    const gate = await eventually('an open gate', async () => {
      const read = JSON.parse((await pipeline.text(Bucket, 'gate.json')) ?? '{}') as Gate;
      return read.state === 'OPEN' ? read : undefined;
    });
    const progressAt = new Date(Date.now() - 120_000).toISOString();
    await pipeline.writeControl('gate.json', JSON.stringify({ ...gate, progressMark: ETag, progressAt }));
  }

  it('exits 2 if there is no pipeline', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'no cloud '));
    const { code, stderr } = await lamplighter(['doctor', '--cloud', 'local'], empty);
    expect(stderr).toMatch(/could not check the pipeline: No local cloud/);
    expect(code).toBe(2);
    const { code: unknown } = await lamplighter(['doctor', '--pipeline', 'nope']);
    expect(unknown).toBe(2);
    rmSync(empty, { recursive: true });
  }, 60_000);

  /** The last test, because it cannot be undone. */
  it('names an instance that no longer exists', async () => {
    await pipeline.ec2.send(new StopInstancesCommand(instance()));
    await pipeline.ec2.send(new TerminateInstancesCommand(instance()));
    await eventually('its end', async () => ((await pipeline.state()) === 'terminated' ? true : undefined));
    expect((await examine()).names).toContain('no-instance');
    const { code, stderr } = await lamplighter(['warm']);
    expect(stderr).toContain('cdktf deploy');
    expect(code).toBe(3);
  }, 60_000);
});

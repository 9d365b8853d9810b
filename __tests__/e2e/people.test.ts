import { GetQueueUrlCommand, SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OPERATOR, READER } from '../support/iam-people';
import { statementsFor } from '../support/iam-people-policies';
import { admitLost, audit } from '../../scripts/pipeline/audit';
import { handleOf } from '../../scripts/pipeline/connect';
import { localTarget } from '../../scripts/pipeline/target';
import { PACKAGE_FOLDER } from '../../scripts/tools/project';
import { DeployedPipeline, type Uploaded } from '../support/deployed-pipeline';
import { NO_SWEEP, allowRole, hasMoto, makeRole, query } from '../support/local-cloud';

const ACCOUNT = '123456789012';
const settings = {
  name: 'shared',
  models: ['__tests__/e2e/models/puppet'],
  leaseSeconds: 15,
  lingerSeconds: 0,
  disposable: true,
};

type Credentials = Readonly<Record<'accessKeyId' | 'secretAccessKey' | 'sessionToken', string>>;

/** The command line, used by people who have only the policies of docs/SECURITY.md. */
(hasMoto() ? describe : describe.skip)('people with the policies of docs/SECURITY.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'people '));
  const file = join(folder, 'mine.txt');
  let pipeline: DeployedPipeline;
  let reader: Credentials;
  let operator: Credentials;
  let done: Uploaded;
  let failed: Uploaded;

  beforeAll(async () => {
    writeFileSync(file, 'hello\n');
    // No scheduled sweep: it would find the lost upload before the operator does.
    pipeline = await DeployedPipeline.deploy({ pipelines: [settings] }, { timings: NO_SWEEP });
    reader = await person('reader', READER);
    operator = await person('operator', OPERATOR);
    await pipeline.cloud.faults.sweepNow();
    done = await pipeline.upload('done.txt', 'hello');
    failed = await pipeline.upload('failed.txt', 'fail');
    for (const job of [done, failed]) await pipeline.receipt(job);
    await pipeline.comesToRest();
  }, 300_000);

  afterAll(async () => {
    await (pipeline as DeployedPipeline | undefined)?.end();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Credentials of a person whose policies allow these commands on the pipeline. */
  async function person(name: string, commands: readonly string[]): Promise<Credentials> {
    const { cloud, manifest } = pipeline;
    const RoleArn = await makeRole(cloud, name);
    const named = { pipeline: manifest.pipeline, region: manifest.region, account: ACCOUNT };
    await allowRole(cloud, name, statementsFor(commands, named));
    const version = { Version: '2011-06-15', RoleSessionName: 'ada' };
    const xml = await query(cloud, 'sts', { Action: 'AssumeRole', ...version, RoleArn });
    const element = (tag: string) => new RegExp(`<${tag}>([^<]+)<`).exec(xml)![1]!;
    return {
      accessKeyId: element('AccessKeyId'),
      secretAccessKey: element('SecretAccessKey'),
      sessionToken: element('SessionToken'),
    };
  }

  /** Runs the command line with this cloud in the place of AWS. */
  function lamplighter(as: Credentials, ...args: string[]) {
    const env = {
      ...process.env,
      ...pipeline.announced,
      AWS_ACCESS_KEY_ID: as.accessKeyId,
      AWS_SECRET_ACCESS_KEY: as.secretAccessKey,
      AWS_SESSION_TOKEN: as.sessionToken,
      NO_COLOR: '1',
    };
    const line = [join(PACKAGE_FOLDER, 'bin', 'lamplighter.js'), ...args, '--cloud', 'aws'];
    return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, line, { env, cwd: folder }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });
  }

  /** The calls of people that the cloud has denied since then. */
  function denials(): () => string[] {
    const before = pipeline.cloud.events.length;
    return () =>
      pipeline.cloud.events
        .slice(before)
        .flatMap((event) => (event.kind === 'denied' ? [`${event.role} ${event.action}`] : []));
  }

  it('a reader sees everything, also an open job and an event that failed in all attempts', async () => {
    const sqs = new SQSClient(pipeline.cloud.client);
    const { QueueUrl } = await sqs.send(
      new GetQueueUrlCommand({ QueueName: pipeline.manifest.failuresQueue }),
    );
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'an event that was given up' }));
    await pipeline.tag('lamplighter:pause', 'for the test');
    const open = await pipeline.upload('open.txt', 'hello');
    await pipeline.isOpen(open);

    const denied = denials();
    const status = await lamplighter(reader, 'status', '--json');
    expect(JSON.parse(status.stdout)).toMatchObject({
      instance: { pause: 'for the test' },
      open: { jobs: [{ jobId: open.jobId }] },
    });
    const list = await lamplighter(reader, 'list');
    for (const { key } of [done, failed, open]) expect(list.stdout).toContain(key);
    const results = await lamplighter(reader, 'results', 'done.txt', '--out', join(folder, 'out'));
    expect(results).toMatchObject({ code: 0, stdout: expect.stringContaining('copy.txt') as string });
    const logs = await lamplighter(reader, 'logs', failed.jobId.slice(0, 12));
    expect(logs.stdout).toContain('told to fail');
    expect(await lamplighter(reader, 'audit')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 with a receipt, 1 open') as string,
    });
    const doctor = await lamplighter(reader, 'doctor', '--json');
    expect(doctor.code).toBe(1);
    expect(JSON.parse(doctor.stdout)).toMatchObject({
      unseen: [],
      failedEvents: { count: 1, samples: ['an event that was given up'] },
      open: { jobs: [{ jobId: open.jobId, because: 'the pipeline is paused' }] },
    });
    const report = await lamplighter(reader, 'report', '--json');
    expect(JSON.parse(report.stdout)).toMatchObject({
      jobs: [{}, {}],
      onTimes: expect.any(Array) as unknown,
    });
    expect(denied()).toEqual([]);
  }, 120_000);

  it.each<[string, readonly string[], string]>([
    ['upload', ['submit', file], 's3:PutObject'],
    ['run a job again', ['retry', 'FAILED'], 's3:PutObject'],
    ['keep the instance on', ['hold'], 'ec2:CreateTags'],
    ['have it stopped', ['release'], 'lambda:InvokeFunction'],
    ['let it start', ['resume'], 'ec2:DeleteTags'],
  ])(
    'a reader cannot %s',
    async (_, args, action) => {
      await pipeline.tag('lamplighter:pause', 'for the test');
      const uploads = await pipeline.keys(pipeline.manifest.dataBucket, '');
      const { pause, hold } = await instanceTags();
      const line = args.map((arg) => (arg === 'FAILED' ? failed.jobId : arg));
      const { code, stderr, stdout } = await lamplighter(reader, ...line);
      expect(code).toBe(4);
      expect(stdout + stderr).toContain(action);
      expect(await pipeline.keys(pipeline.manifest.dataBucket, '')).toEqual(uploads);
      expect(await instanceTags()).toEqual({ pause, hold });
    },
    60_000,
  );

  async function instanceTags() {
    const { stdout } = await lamplighter(reader, 'status', '--json');
    const { instance } = JSON.parse(stdout) as { instance: { pause?: string; hold?: string } };
    return { pause: instance.pause, hold: instance.hold };
  }

  it('an operator can give orders, upload, retry, and admit lost uploads', async () => {
    const denied = denials();
    const does = async (...args: string[]) => {
      const { code, stdout, stderr } = await lamplighter(operator, ...args);
      expect({ args, code, stderr }).toMatchObject({ args, code: 0 });
      return stdout;
    };
    await does('pause', '--why', 'once more');
    await does('resume');
    await pipeline.comesToRest();
    await does('warm');
    expect(await pipeline.state()).toBe('running');
    await does('hold');
    await does('release');
    await pipeline.reaches('stopped');
    expect(await does('submit', file, '--wait', '--out', join(folder, 'mine'))).toContain('copy.txt');
    const again = JSON.parse(await does('retry', failed.jobId, '--json')) as { newJobId: string };
    expect((await pipeline.receipt({ key: failed.key, jobId: again.newJobId })).outcome).toBe('failed');
    const { jobs } = JSON.parse(await does('retry', '--failed', '--json')) as {
      jobs: { changed: boolean; key: string; newJobId: string }[];
    };
    for (const { changed, key, newJobId: jobId } of jobs) if (changed) await pipeline.receipt({ key, jobId });
    await pipeline.comesToRest();

    pipeline.cloud.faults.dropNotifications('data', 1);
    const lost = await pipeline.upload('lost.txt', 'hello');
    const { endpoint, region } = pipeline.cloud;
    const handle = handleOf(localTarget({ endpoint, region, credentials: operator }), pipeline.manifest);
    const later = { now: () => Date.now() + 600_000, sleep: () => Promise.resolve() };
    const found = await audit(handle, later);
    expect(found.lost).toMatchObject([{ jobId: lost.jobId }]);
    expect(await admitLost(handle, found.lost, later)).toMatchObject({ admitted: [lost.jobId], refused: [] });
    expect((await pipeline.receipt(lost)).outcome).toBe('succeeded');
    await pipeline.isQuiet();
    expect(denied()).toEqual([]);
  }, 240_000);
});

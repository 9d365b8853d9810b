import { setTimeout as sleep } from 'node:timers/promises';
import { jobIdOf } from '../../lifecycle/job';
import { DeployedPipeline } from '../support/deployed-pipeline';
import type { CloudEvent } from '../../local-cloud/clockwork/events';
import { eventually, hasMoto } from '../support/local-cloud';

const settings = {
  name: 'puppets',
  models: ['__tests__/e2e/models/puppet', '__tests__/e2e/models/strict'],
  leaseSeconds: 15,
  lingerSeconds: 1,
  disposable: true,
};

const story = hasMoto() ? describe : describe.skip;

/** One Terraform apply for all tests. Each test leaves the pipeline at rest for the next one. */
story('a deployed pipeline', () => {
  let pipeline: DeployedPipeline;

  beforeAll(async () => {
    pipeline = await DeployedPipeline.deploy(({ faults: { operationDelays } }) => {
      Object.assign(operationDelays, { AssociateRouteTable: 4_000, AuthorizeSecurityGroupEgress: 4_000 });
      return { pipelines: [settings] };
    });
    // Terraform has just started the instance, and there is no job.
    await pipeline.cloud.faults.sweepNow();
    await pipeline.comesToRest();
  }, 300_000);

  afterAll(() => (pipeline as DeployedPipeline | undefined)?.end());
  afterEach(() => pipeline.comesToRest(), 60_000);

  const faults = () => pipeline.cloud.faults;
  const started = () => ({ starts: faults().startCalls, stops: faults().stopCalls });

  it('boots its instance when the way out exists: else the agent would sleep for minutes', () => {
    expect(pipeline.agentSleeps()).toEqual([]);
  });

  it('gives an upload its results and a receipt, and the instance is off again', async () => {
    const before = started();
    const job = await pipeline.upload('one.txt', 'hello');
    const receipt = await pipeline.receipt(job);
    expect(receipt).toMatchObject({ outcome: 'succeeded', attempt: 1, exit: { code: 0, signal: null } });
    expect(receipt.outputs).toEqual([
      { key: `results/one.txt/${job.jobId}/attempt-1/copy.txt`, sizeBytes: 5 },
    ]);
    expect(await pipeline.text(pipeline.manifest.outputBucket, receipt.outputs[0]!.key)).toBe('hello');
    await pipeline.comesToRest();
    expect(started()).toEqual({ starts: before.starts + 1, stops: before.stops + 1 });
    const control = pipeline.manifest.controlBucket;
    expect(await pipeline.keys(control, 'claims/')).toEqual([]);
    expect(await pipeline.keys(control, 'status/')).toEqual(['status/drain.json']);
  }, 60_000);

  it('runs five uploads at once with one start and one stop', async () => {
    const before = started();
    const keys = ['a.txt', 'b.txt', 'c.txt', 'd.txt', 'e.txt'];
    const jobs = await Promise.all(keys.map((key) => pipeline.upload(`five/${key}`, 'sleep 1')));
    for (const job of jobs) expect((await pipeline.receipt(job)).outcome).toBe('succeeded');
    await pipeline.comesToRest();
    expect(started()).toEqual({ starts: before.starts + 1, stops: before.stops + 1 });
  }, 90_000);

  it('calls EC2 once for 100 uploads at once, and fails no function', async () => {
    // The sweeps of a test come every few seconds, and call EC2 too.
    const calls = ['DescribeInstances', 'StartInstances'];
    const counts = () => calls.map((call) => faults().calledTimes('puppets-trigger', call));
    const failures = () =>
      pipeline.cloud.events.filter((event) => event.kind === 'function' && event.phase === 'failed').length;
    const [before, failed, startedMs] = [counts(), failures(), Date.now()];
    const keys = Array.from({ length: 100 }, (_, index) => `hundred/${index}.txt`);
    const jobs = await Promise.all(keys.map((key) => pipeline.upload(key, 'hello')));
    for (const job of jobs) expect((await pipeline.receipt(job, 600_000)).outcome).toBe('succeeded');
    // A request counts for two minutes.
    const most = Math.ceil((Date.now() - startedMs) / 120_000);
    expect(counts()[0]).toBeGreaterThan(before[0]!);
    for (const [index, count] of counts().entries()) expect(count - before[index]!).toBeLessThanOrEqual(most);
    expect(failures()).toBe(failed);
    await eventually('rest', async () => (await pipeline.state()) === 'stopped' || undefined, 90_000);
  }, 700_000);

  it('waits for a machine that EC2 does not have, tells people, and fails no function', async () => {
    const failures = () =>
      pipeline.cloud.events.filter((event) => event.kind === 'function' && event.phase === 'failed').length;
    const failed = failures();
    faults().refuseStarts('VcpuLimitExceeded', 2);
    const job = await pipeline.upload('patient.txt', 'hello');
    const shortage = async () => await pipeline.text(pipeline.manifest.controlBucket, 'capacity.json');
    await eventually(
      'a shortage',
      async () => (await shortage())?.includes('VcpuLimitExceeded') || undefined,
      60_000,
    );
    await faults().sweepNow();
    await faults().sweepNow();
    expect((await pipeline.receipt(job, 120_000)).outcome).toBe('succeeded');
    await eventually('its end', async () => (await shortage())?.includes('endedAt') || undefined, 30_000);
    expect(failures()).toBe(failed);
  }, 240_000);

  it('does not lose an upload that comes while the instance is stopping', async () => {
    await pipeline.enters('stopping', () => pipeline.upload('early.txt', 'hello'));
    const late = await pipeline.upload('late.txt', 'hello');
    expect((await pipeline.receipt(late)).outcome).toBe('succeeded');
  }, 90_000);

  it('runs both versions of a key that is uploaded twice', async () => {
    const first = await pipeline.upload('same.txt', 'sleep 1');
    const second = await pipeline.upload('same.txt', 'sleep 1 second');
    const receipts = [await pipeline.receipt(first), await pipeline.receipt(second)];
    expect(receipts.map(({ input }) => input.sizeBytes)).toEqual([7, 14]);
    expect(receipts.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded']);
  }, 60_000);

  it('makes one job from an event that is delivered twice', async () => {
    faults().duplicateNotifications(2);
    const job = await pipeline.upload('twice.txt', 'sleep 1');
    expect((await pipeline.receipt(job)).attempt).toBe(1);
    await pipeline.comesToRest();
    const results = await pipeline.keys(pipeline.manifest.outputBucket, 'results/twice.txt/');
    expect(results.filter((key) => key.endsWith('/receipt.json'))).toHaveLength(1);
    expect(results).toHaveLength(2);
  }, 60_000);

  it.each([
    ['exits non-zero', 'fail', { exit: { code: 7, signal: null }, attempt: 1, stderrTail: 'told to fail\n' }],
    ['writes nothing', 'silent', { attempt: 1 }],
  ])(
    'gives a failed receipt, with the reason, to a model that %s',
    async (_what, action, expected) => {
      const receipt = await pipeline.receipt(await pipeline.upload(`bad-${action}.txt`, action));
      expect(receipt).toMatchObject({ outcome: 'failed', outputs: [], ...expected });
      expect(receipt.error?.message).toMatch(/\w/);
    },
    60_000,
  );

  it('kills a model that hangs and ignores SIGTERM, and the instance is off again', async () => {
    const job = await pipeline.upload('strict/hang.txt', 'hang');
    const receipt = await pipeline.receipt(job);
    expect(receipt).toMatchObject({ outcome: 'failed', attempt: 1, exit: { signal: 'SIGKILL' } });
    expect(receipt.error?.message).toMatch(/time limit|0\.05 min|3 s/);
  }, 60_000);

  it('runs other jobs after a model fails and another leaves child processes behind', async () => {
    const [bad, orphan, good] = await Promise.all([
      pipeline.upload('mixed/1.txt', 'fail'),
      pipeline.upload('mixed/2.txt', 'orphan'),
      pipeline.upload('mixed/3.txt', 'hello'),
    ]);
    expect((await pipeline.receipt(bad)).outcome).toBe('failed');
    expect((await pipeline.receipt(orphan)).outcome).toBe('succeeded');
    expect((await pipeline.receipt(good)).outcome).toBe('succeeded');
  }, 60_000);

  it('shows a model no credentials', async () => {
    const job = await pipeline.upload('credentials.txt', 'credentials');
    const receipt = await pipeline.receipt(job);
    const leak = receipt.outputs.find(({ key }) => key.endsWith('/leak.txt'));
    expect(leak?.sizeBytes).toBe(0);
  }, 60_000);

  it('attempts a job again when its drain is killed mid-run', async () => {
    const job = await pipeline.upload('killed.txt', 'sleep 6');
    await pipeline.isRunning(job);
    expect(faults().killDrain(pipeline.manifest.instanceId)).toBe(true);
    expect(await pipeline.receipt(job)).toMatchObject({ outcome: 'succeeded', attempt: 2 });
  }, 90_000);

  it('attempts a job again when the instance dies mid-run', async () => {
    const job = await pipeline.upload('died.txt', 'sleep 6');
    await pipeline.isRunning(job);
    faults().crashInstance(pipeline.manifest.instanceId);
    const receipt = await pipeline.receipt(job);
    expect(receipt).toMatchObject({ outcome: 'succeeded', attempt: 2 });
    expect(receipt.outputs.every(({ key }) => key.includes('/attempt-2/'))).toBe(true);
  }, 90_000);

  it('gives a job that kills its machine three times alone a failed receipt, and stops trying', async () => {
    const job = await pipeline.upload('deadly.txt', 'sleep 60');
    for (const attempt of [1, 2, 3]) {
      await pipeline.isRunning(job, attempt);
      faults().crashInstance(pipeline.manifest.instanceId);
    }
    const receipt = await pipeline.receipt(job);
    expect(receipt).toMatchObject({ outcome: 'failed', attempt: 3, error: { kind: 'machine' } });
    expect(receipt.endedAttempts).toMatchObject([{ first: 1, last: 3, cause: 'machine', death: 'alone' }]);
  }, 180_000);

  it.each([
    `../../$(touch pwned);'"&|/ red flower+1\n你🌸.txt`,
    '-rf.txt',
    `${'long/'.repeat(200)}x.txt`,
    'results/receipt.json/é/.txt',
  ])(
    'takes a hostile key for nothing but a name: %j',
    async (key) => {
      const receipt = await pipeline.receipt(await pipeline.upload(key, 'hello'));
      expect(receipt).toMatchObject({ outcome: 'succeeded', input: { key } });
    },
    60_000,
  );

  it('runs an empty file like any file', async () => {
    expect((await pipeline.receipt(await pipeline.upload('empty.txt', ''))).outcome).toBe('succeeded');
  }, 60_000);

  it('ignores folder markers and files that no model accepts', async () => {
    const before = started();
    await pipeline.upload('folder/', '');
    await pipeline.upload('image.png', 'x');
    await sleep(1_000);
    expect(started()).toEqual(before);
    expect(await pipeline.keys(pipeline.manifest.controlBucket, 'open/')).toEqual([]);
  }, 60_000);

  it('finds an upload whose event was lost, by the sweep', async () => {
    const isLoss = (event: CloudEvent) => event.kind === 'notification' && event.outcome === 'dropped';
    const losses = () => pipeline.cloud.events.filter(isLoss).length;
    const before = losses();
    faults().dropNotifications('data', 1);
    const job = await pipeline.upload('lost.txt', 'hello');
    await eventually('the loss', () => losses() > before || undefined);
    await faults().sweepNow();
    expect((await pipeline.receipt(job)).outcome).toBe('succeeded');
  }, 60_000);

  it('stops the instance by the sweep, if the receipt’s event was lost', async () => {
    faults().dropNotifications('output', 1);
    await pipeline.receipt(await pipeline.upload('unheard.txt', 'hello'));
    await faults().sweepNow();
    await pipeline.comesToRest();
  }, 60_000);

  it('repairs a broken gate and a broken open record', async () => {
    await pipeline.writeControl('gate.json', '<html>not a gate</html>');
    const bucket = pipeline.manifest.dataBucket;
    const nobody = jobIdOf({ bucket, key: 'nobody.txt', versionId: 'x' });
    await pipeline.writeControl(`open/${nobody}.json`, '{"half":');
    const job = await pipeline.upload('beside-garbage.txt', 'hello');
    expect((await pipeline.receipt(job)).outcome).toBe('succeeded');
  }, 60_000);

  it('has an empty Terraform plan afterwards', async () => {
    const { code, output } = await pipeline.plan();
    expect(output).toContain('No changes.');
    expect(code).toBe(0);
  }, 120_000);
});

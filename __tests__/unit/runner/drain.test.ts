import { claimKey, openKey, receiptKey, statusKey } from '../../../lifecycle/job';
import type { ModelRef } from '../../../lifecycle/model';
import type { DrainPorts } from '../../../runner/context';
import { drain } from '../../../runner/drain';
import { InterruptedError } from '../../../runner/failures';
import { FakeS3 } from '../../support/fake-s3';
import {
  CONTROL,
  DATA,
  OUTPUT,
  Pipeline,
  VirtualClock,
  VirtualHost,
  card,
  type VirtualModel,
} from './workshop';

let clock: VirtualClock;
let pipeline: Pipeline;
let host: VirtualHost;
let model: ModelRef;
let ran: string[];

const takesMinutes: VirtualModel = async (input) => {
  ran.push(input);
  await clock.sleep(60_000);
  return 0;
};

const run = (overrides: Partial<DrainPorts> = {}) => clock.run(drain(pipeline.ports(host, overrides)));
const networkError = () => FakeS3.error('TimeoutError', 0, 'the network is down');

beforeEach(() => {
  clock = new VirtualClock();
  pipeline = new Pipeline(clock);
  host = new VirtualHost(takesMinutes);
  model = pipeline.model({ 'model.json': card() });
  ran = [];
});

describe('an ordinary day', () => {
  test('an upload ends in a receipt, its results are under the attempt, and no record stays open', async () => {
    const jobId = pipeline.job('a/b.csv', '1,2', model);
    expect(await run()).toBe('empty');
    const receipt = pipeline.receipt('a/b.csv', jobId);
    expect(receipt).toMatchObject({ outcome: 'succeeded', attempt: 1, exit: { code: 0, signal: null } });
    expect(receipt.outputs).toEqual([{ key: `results/a/b.csv/${jobId}/attempt-1/result.txt`, sizeBytes: 4 }]);
    expect(pipeline.s3.text(OUTPUT, `results/a/b.csv/${jobId}/attempt-1/result.txt`)).toBe('done');
    expect(pipeline.leftRecords()).toEqual([]);
  });

  test('the receipt is the last object written: when the receipt exists, all results exist', async () => {
    host.outputs = { 'a.txt': '1', 'sub/b.txt': '2' };
    pipeline.job('x', '', model);
    await run();
    const written = pipeline.s3.calls.filter(
      ({ command, bucket }) => command === 'PutObject' && bucket === OUTPUT,
    );
    expect(written.map(({ key }) => key.split('/').at(-1))).toEqual(['a.txt', 'b.txt', 'receipt.json']);
    const after = pipeline.s3.calls.slice(pipeline.s3.calls.indexOf(written.at(-1)!) + 1);
    expect(after.slice(0, 3).map(({ command, key }) => `${command} ${key.split('/')[0]!}`)).toEqual([
      'DeleteObject open',
      'DeleteObject claims',
      'DeleteObject status',
    ]);
  });

  test('the model runs on the version that was uploaded, although the key was overwritten since', async () => {
    pipeline.job('x', 'first', model);
    pipeline.s3.put(DATA, 'x', 'second');
    await run();
    expect(ran).toEqual(['first']);
  });

  test('jobs run in the order of their admission', async () => {
    for (const name of ['one', 'two', 'three', 'four']) {
      pipeline.job(name, name, model);
      await clock.run(clock.sleep(1000));
    }
    await run();
    expect(ran).toEqual(['one', 'two', 'three', 'four']);
  });

  test('an upload that arrives while another runs is not left open', async () => {
    pipeline.job('x', 'first', model);
    clock.at(30_000, () => pipeline.job('y', 'second', model));
    expect(await run()).toBe('empty');
    expect(ran).toEqual(['first', 'second']);
  });

  test('a job that has its receipt does not run again, although its open record exists', async () => {
    const jobId = pipeline.job('x', 'first', model);
    pipeline.claim(jobId, {});
    pipeline.s3.put(CONTROL, statusKey(jobId), '{}');
    pipeline.s3.put(OUTPUT, receiptKey('x', jobId), '{}');
    expect(await run()).toBe('empty');
    expect(ran).toEqual([]);
    expect(pipeline.leftRecords()).toEqual([]);
  });

  test('a record that S3 lists and does not find yet is awaited without haste, and its job runs', async () => {
    const jobId = pipeline.job('x', 'first', model);
    pipeline.s3.fault({
      command: 'GetObject',
      key: openKey(jobId),
      times: 5,
      error: FakeS3.error('NoSuchKey', 404),
    });
    expect(await run()).toBe('empty');
    expect(ran).toEqual(['first']);
    expect(pipeline.s3.callsOf('ListObjectsV2', 'open/').length).toBeLessThan(20);
  });

  test('the drain touches the heartbeat while it runs: the idle timer must not switch a working machine off', async () => {
    pipeline.job('x', '', model);
    await run();
    expect(host.beats).toBeGreaterThanOrEqual(4);
  });
});

describe('side by side', () => {
  test('jobs of one model run side by side, at most as many as its card allows', async () => {
    host.cardText = card({ parallelJobs: 3 });
    for (const key of ['a', 'b', 'c', 'd', 'e']) pipeline.job(key, key, model);
    await run();
    expect(host.mostRunning).toBe(3);
    expect(ran).toHaveLength(5);
  });

  test('an upload that arrives while a slot is free does not wait for the long job', async () => {
    host = new VirtualHost(async (input) => {
      ran.push(`${input} begins`);
      await clock.sleep(input === 'long' ? 600_000 : 1_000);
      ran.push(`${input} ends`);
      return 0;
    });
    host.cardText = card({ parallelJobs: 2 });
    pipeline.job('x', 'long', model);
    clock.at(60_000, () => pipeline.job('y', 'short', model));
    await run();
    expect(ran).toEqual(['long begins', 'short begins', 'short ends', 'long ends']);
  });

  test('two models never run at the same time: each may need the whole machine', async () => {
    const other = pipeline.model({ 'model.json': card({}, 'other') }, 'other');
    pipeline.job('a', 'a', model);
    pipeline.job('b', 'b', other);
    const together: string[][] = [];
    host = new VirtualHost(async (input) => {
      ran.push(input);
      await clock.sleep(1000);
      together.push([...host.running]);
      return 0;
    });
    host.cardText = card({ parallelJobs: 4 });
    await run();
    expect(together.map((jobs) => jobs.length)).toEqual([1, 1]);
  });

  test('a job that fails does not stop the others', async () => {
    host = new VirtualHost((input) => Promise.resolve(input === 'bad' ? 3 : 0));
    host.cardText = card({ parallelJobs: 2 });
    const bad = pipeline.job('a', 'bad', model);
    const good = pipeline.job('b', 'good', model);
    await run();
    expect(pipeline.receipt('a', bad)).toMatchObject({ outcome: 'failed', exit: { code: 3, signal: null } });
    expect(pipeline.receipt('b', good).outcome).toBe('succeeded');
  });
});

describe('the gate', () => {
  test.each([
    ['CLOSING', () => pipeline.gate('CLOSING')],
    ['CLOSED', () => pipeline.gate('CLOSED')],
    ['absent', () => pipeline.s3.delete(CONTROL, 'gate.json')],
    ['garbage', () => pipeline.s3.put(CONTROL, 'gate.json', 'not JSON')],
  ])('no job begins while the gate is %s: the machine is about to be stopped', async (_name, close) => {
    const jobId = pipeline.job('x', '', model);
    close();
    expect(await run()).toBe('gate');
    expect(ran).toEqual([]);
    expect(pipeline.s3.callsOf('PutObject', /^claims/)).toEqual([]);
    expect(pipeline.leftRecords()).toEqual([openKey(jobId)]);
  });

  test('the gate is read after the list of open jobs: else a job could begin on a machine that is stopping', async () => {
    pipeline.job('x', '', model);
    await run();
    const order = pipeline.s3.calls.map(({ command, key }) => `${command} ${key}`);
    expect(order.indexOf('ListObjectsV2 open/')).toBeLessThan(order.indexOf('GetObject gate.json'));
  });

  test('a gate that closes between its first read and the claim: nothing runs, and the attempt does not count', async () => {
    const jobId = pipeline.job('x', '', model);
    pipeline.s3.fault({
      command: 'PutObject',
      key: /^claims/,
      when: 'after',
      run: () => pipeline.gate('CLOSING'),
    });
    expect(await run()).toBe('gate');
    expect(ran).toEqual([]);
    expect(pipeline.claimOf(jobId)).toBeUndefined();
  });

  test('… and if there was a previous attempt, the claim still says how that one ended', async () => {
    const jobId = pipeline.job('x', '', model);
    pipeline.claim(jobId, { attempt: 1, released: 'the disk was full' });
    pipeline.s3.fault({
      command: 'PutObject',
      key: /^claims/,
      when: 'after',
      run: () => pipeline.gate('CLOSING'),
    });
    expect(await run()).toBe('gate');
    expect(pipeline.claimOf(jobId)).toMatchObject({ attempt: 1, released: 'the disk was full' });
  });

  test('a gate that cannot be read after the claim: nothing runs, and the attempt does not count', async () => {
    const jobId = pipeline.job('x', 'x', model);
    pipeline.s3.fault({ command: 'GetObject', key: 'gate.json', nth: 2, error: networkError() });
    clock.at(1_000, () => ran.push('one second later'));
    expect(await run()).toBe('empty');
    expect(pipeline.facts('job not begun')).toMatchObject([{ jobId, error: 'the network is down' }]);
    expect(ran).toEqual(['one second later', 'x']);
    expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'succeeded', attempt: 1 });
  });

  test('a running job finishes although the gate closes', async () => {
    const jobId = pipeline.job('x', '', model);
    clock.at(30_000, () => {
      pipeline.gate('CLOSING');
      pipeline.job('y', 'second', model);
    });
    expect(await run()).toBe('gate');
    expect(pipeline.receipt('x', jobId).outcome).toBe('succeeded');
    expect(ran).toEqual(['']);
  });
});

describe('claims of other drains', () => {
  const other = { id: 'i-2' };

  test('a job that another machine runs is not run twice', async () => {
    const jobId = pipeline.job('x', '', model);
    pipeline.claim(jobId, {}, other);
    clock.at(30_000, () => pipeline.s3.put(OUTPUT, receiptKey('x', jobId), '{}'));
    expect(await run()).toBe('empty');
    expect(ran).toEqual([]);
  });

  test.each([-600_000, 0, 600_000])(
    'a job whose machine is gone begins again when its lease has ended, whatever that machine’s clock said (%i ms)',
    async (clockError) => {
      const jobId = pipeline.job('x', '', model);
      pipeline.claim(jobId, { leaseUntil: new Date(clock.now() + 60_000 + clockError).toISOString() }, other);
      const before = clock.now();
      expect(await run()).toBe('empty');
      const receipt = pipeline.receipt('x', jobId);
      expect(receipt).toMatchObject({ outcome: 'succeeded', attempt: 2 });
      expect(receipt.endedAttempts).toMatchObject([
        { cause: 'machine', why: 'the lease of another machine ran out' },
      ]);
      expect(Date.parse(receipt.claimedAt!) - before).toBeGreaterThanOrEqual(60_000);
      expect(Date.parse(receipt.claimedAt!) - before).toBeLessThan(70_000);
    },
  );

  test.each(['boot-0', 'boot-1'])(
    'a job whose drain died on this machine (%s) begins again at once: this drain holds the lock',
    async (bootId) => {
      const jobId = pipeline.job('x', '', model);
      pipeline.claim(jobId, { bootId, leaseUntil: new Date(clock.now() + 3_600_000).toISOString() });
      const before = clock.now();
      await run();
      expect(Date.parse(pipeline.receipt('x', jobId).claimedAt!)).toBe(before);
    },
  );

  test('other jobs do not wait for a job that another machine holds', async () => {
    const held = pipeline.job('x', 'held', model);
    pipeline.claim(held, {}, other);
    pipeline.job('y', 'free', model);
    await run();
    expect(ran).toEqual(['free', 'held']);
  });

  test('the wait for a held job ends when the gate closes, so that the machine can stop', async () => {
    const held = pipeline.job('x', 'held', model);
    pipeline.claim(held, {}, other);
    const before = clock.now();
    clock.at(30_000, () => pipeline.gate('CLOSING'));
    expect(await run()).toBe('gate');
    expect(clock.now() - before).toBeLessThan(40_000);
  });

  test('a claim that cannot be read does not block its job for ever', async () => {
    const jobId = pipeline.job('x', '', model);
    pipeline.s3.put(CONTROL, claimKey(jobId), 'garbage');
    await run();
    expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'succeeded' });
  });

  test('a claim of a newer release is left alone', async () => {
    const jobId = pipeline.job('x', '', model);
    pipeline.s3.put(CONTROL, claimKey(jobId), '{"version":2}');
    clock.at(30_000, () => pipeline.gate('CLOSING'));
    expect(await run()).toBe('gate');
    expect(pipeline.s3.text(CONTROL, claimKey(jobId))).toBe('{"version":2}');
  });
});

describe('attempts', () => {
  test('attempts that the machine ended do not count, not even before the card is on the disk', async () => {
    host.cardText = card({ maxAttempts: 1 });
    const jobId = pipeline.job('x', '', model);
    pipeline.claim(jobId, { attempt: 2, bootId: 'boot-0' });
    await run();
    expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'succeeded', attempt: 3 });
    expect(pipeline.leftRecords()).toEqual([]);
  });

  test('a passing S3 failure during the upload costs neither the run nor an attempt', async () => {
    const jobId = pipeline.job('x', '', model);
    pipeline.s3.fault({ command: 'PutObject', key: /result\.txt$/, times: 99, error: networkError() });
    expect(await run()).toBe('empty');
    expect(ran).toHaveLength(1);
    expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'succeeded', attempt: 1 });
  });

  test('between attempts the claim says why the previous one ended', async () => {
    const jobId = pipeline.job('x', '', model);
    pipeline.s3.fault({ command: 'GetObject', key: 'x', error: networkError() });
    clock.at(2_000, () => ran.push(pipeline.claimOf(jobId)?.released ?? 'not released'));
    await run();
    expect(ran).toEqual(['the network is down', '']);
  });

  test('a full disk ends no job: the reason names the setting that helps', async () => {
    host.unpackFault = Object.assign(new Error('ENOSPC: no space left on device'), {
      code: 'ENOSPC',
      syscall: 'write',
    });
    const jobId = pipeline.job('x', '', model);
    clock.at(60_000, () => (host.unpackFault = undefined));
    await run();
    const { outcome, endedAttempts = [] } = pipeline.receipt('x', jobId);
    expect(outcome).toBe('succeeded');
    expect(endedAttempts).toMatchObject([{ first: 1, cause: 'machine' }]);
    expect(endedAttempts[0]?.why).toContain('raise diskGiB');
  });

  test('a model that exits non-zero does not run twice', async () => {
    host = new VirtualHost((input) => {
      ran.push(input);
      return Promise.resolve(1);
    });
    const jobId = pipeline.job('x', 'in', model);
    await run();
    expect(ran).toEqual(['in']);
    expect(pipeline.receipt('x', jobId).error).toEqual({
      kind: 'model failed',
      message: 'the model exited with code 1',
    });
  });

  test('… unless its card sets retryOnFailure', async () => {
    host = new VirtualHost((input) => {
      ran.push(input);
      return Promise.resolve(ran.length < 3 ? 1 : 0);
    });
    host.cardText = card({ retryOnFailure: true, maxAttempts: 3 });
    const jobId = pipeline.job('x', 'in', model);
    await run();
    expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'succeeded', attempt: 3 });
  });

  test('a setup that fails is tried again for ten minutes, because a package index may be away', async () => {
    const jobId = pipeline.job('x', '', model);
    const before = clock.now();
    host.setup = () => Promise.resolve(clock.now() - before < 400_000 ? 1 : 0);
    await run();
    expect(pipeline.receipt('x', jobId).outcome).toBe('succeeded');
  });

  test('a setup that fails for longer fails the jobs, each with its last output', async () => {
    host.setup = () => Promise.resolve(1);
    const jobs = ['x', 'y'].map((key) => [key, pipeline.job(key, '', model)] as const);
    const before = clock.now();
    await run();
    for (const [key, jobId] of jobs) {
      expect(pipeline.receipt(key, jobId)).toMatchObject({
        outcome: 'failed',
        error: { kind: 'setup failed' },
      });
    }
    expect(clock.now() - before).toBeGreaterThanOrEqual(600_000);
    expect(clock.now() - before).toBeLessThan(1_300_000);
  });

  test('a setup that succeeded does not run again for the next job', async () => {
    let setups = 0;
    host.setup = () => {
      setups += 1;
      return Promise.resolve(0);
    };
    pipeline.job('x', '', model);
    pipeline.job('y', '', model);
    await run();
    expect(setups).toBe(1);
  });

  test('a download that lost bytes is tried again: a model must not run on half an upload', async () => {
    const jobId = pipeline.job('x', 'whole', model);
    host.cutDownloads = 1;
    await run();
    expect(ran).toEqual(['whole']);
    expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'succeeded', attempt: 2 });
  });

  test('a download that loses bytes each time never runs the model', async () => {
    const jobId = pipeline.job('x', 'whole', model);
    host.cutDownloads = 99;
    expect(await run()).toBe('left');
    expect(ran).toEqual([]);
    expect(pipeline.endedOf(jobId)).toMatchObject([{ cause: 'weather' }]);
    expect(pipeline.endedOf(jobId)[0]?.why).toContain('4 of 5 bytes');
  });

  test.each([
    ['is a delete marker', FakeS3.error('MethodNotAllowed', 405), 'input gone', /upload the file again/],
    ['is archived', FakeS3.error('InvalidObjectState', 403), 'input archived', /restore it/],
  ])('an upload whose version %s fails at once, with a remedy', async (_name, error, kind, remedy) => {
    const jobId = pipeline.job('x', '', model);
    pipeline.s3.fault({ command: 'GetObject', key: 'x', times: 99, error });
    await run();
    const receipt = pipeline.receipt('x', jobId);
    expect(receipt).toMatchObject({ outcome: 'failed', attempt: 1, error: { kind } });
    expect(receipt.error?.message).toMatch(remedy);
  });

  test('an upload whose version is gone fails at once, with a remedy', async () => {
    const jobId = pipeline.job('x', '', model);
    pipeline.s3.deleteVersion(DATA, 'x', pipeline.openRecord(jobId).input.versionId);
    await run();
    expect(pipeline.receipt('x', jobId)).toMatchObject({ attempt: 1, error: { kind: 'input gone' } });
  });

  test('a model whose zip is gone fails its jobs at once', async () => {
    pipeline.s3.deleteVersion(CONTROL, model.zipKey, model.zipVersionId);
    const jobId = pipeline.job('x', '', model);
    await run();
    expect(pipeline.receipt('x', jobId)).toMatchObject({ attempt: 1, error: { kind: 'model' } });
  });

  test('a model that exits 0 and writes nothing is not reported as a success', async () => {
    host.outputs = {};
    const jobId = pipeline.job('x', '', model);
    await run();
    expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'failed', error: { kind: 'no output' } });
  });

  test('a file name that is too long for S3 fails the job before any upload, with the name of the file', async () => {
    host.outputs = { 'a.txt': '1', [`${'n'.repeat(250)}/${'m'.repeat(250)}/${'o'.repeat(250)}`]: '2' };
    const key = 'k'.repeat(600);
    const jobId = pipeline.job(key, '', model);
    await run();
    expect(pipeline.receipt(key, jobId).error).toMatchObject({ kind: 'output name' });
    expect([...pipeline.s3.objects(OUTPUT).keys()]).toHaveLength(1);
  });
});

describe('the lease', () => {
  test('a long run keeps its claim: no other drain may take the job for dead', async () => {
    host = new VirtualHost(async () => {
      await clock.sleep(600_000);
      return 0;
    });
    const jobId = pipeline.job('x', '', model);
    const left: number[] = [];
    for (let at = 5_000; at < 600_000; at += 10_000) {
      clock.at(at, () => left.push(Date.parse(pipeline.claimOf(jobId)!.leaseUntil) - clock.now()));
    }
    await run();
    expect(Math.min(...left)).toBeGreaterThan(30_000);
  });

  test('an attempt that loses its claim to another drain is killed and publishes nothing', async () => {
    const jobId = pipeline.job('x', '', model);
    clock.at(10_000, () => pipeline.claim(jobId, { attempt: 2, drainId: 'other' }, { id: 'i-2' }));
    clock.at(40_000, () => pipeline.s3.put(OUTPUT, receiptKey('x', jobId), '{"by":"other"}'));
    expect(await run()).toBe('empty');
    expect(host.killed).toEqual([jobId]);
    expect([...pipeline.s3.objects(OUTPUT)]).toEqual([[receiptKey('x', jobId), '{"by":"other"}']]);
  });

  test('a network failure shorter than the lease does not end the run', async () => {
    const jobId = pipeline.job('x', '', model);
    pipeline.s3.fault({
      command: 'PutObject',
      key: claimKey(jobId),
      nth: 2,
      times: 5,
      error: networkError(),
    });
    await run();
    expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'succeeded', attempt: 1 });
  });

  test('the drain recognises its own renewal after the answer was lost', async () => {
    const jobId = pipeline.job('x', '', model);
    pipeline.s3.fault({
      command: 'PutObject',
      key: claimKey(jobId),
      nth: 2,
      when: 'after',
      error: FakeS3.error('PreconditionFailed', 412),
    });
    await run();
    expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'succeeded', attempt: 1 });
  });

  test('a lease that expires ends nothing: the drain holds the lock of the machine', async () => {
    host = new VirtualHost(async () => {
      await clock.sleep(600_000);
      return 0;
    });
    const jobId = pipeline.job('x', '', model);
    pipeline.s3.fault({
      command: 'PutObject',
      key: claimKey(jobId),
      nth: 2,
      times: 500,
      error: networkError(),
    });
    await run();
    expect(host.killed).toEqual([]);
    expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'succeeded', attempt: 1 });
  });

  test('a claim that a person has deleted is written again', async () => {
    const jobId = pipeline.job('x', '', model);
    clock.at(10_000, () => pipeline.s3.delete(CONTROL, claimKey(jobId)));
    clock.at(30_000, () => expect(pipeline.claimOf(jobId)).toMatchObject({ attempt: 1 }));
    await run();
    expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'succeeded', attempt: 1 });
  });
});

describe('publishing once', () => {
  test('a receipt of another attempt stays, and ours is discarded', async () => {
    const jobId = pipeline.job('x', '', model);
    clock.at(30_000, () => pipeline.s3.put(OUTPUT, receiptKey('x', jobId), '{"by":"other"}'));
    expect(await run()).toBe('empty');
    expect(pipeline.s3.text(OUTPUT, receiptKey('x', jobId))).toBe('{"by":"other"}');
    expect(pipeline.leftRecords()).toEqual([]);
  });

  test('no second attempt follows a receipt whose answer was lost', async () => {
    const jobId = pipeline.job('x', '', model);
    pipeline.s3.fault({ command: 'PutObject', key: /receipt\.json$/, when: 'after', error: networkError() });
    expect(await run()).toBe('empty');
    expect(ran).toHaveLength(1);
    expect(pipeline.receipt('x', jobId).attempt).toBe(1);
    expect(pipeline.leftRecords()).toEqual([]);
  });
});

describe('broken records and calls', () => {
  test('an open record that cannot be read is deleted and logged, and the other jobs run', async () => {
    const garbage = 'f'.repeat(64);
    pipeline.s3.put(CONTROL, openKey(garbage), '{"version":');
    const jobId = pipeline.job('x', '', model);
    expect(await run()).toBe('empty');
    expect(pipeline.receipt('x', jobId).outcome).toBe('succeeded');
    expect(pipeline.facts('open record deleted: it cannot be read')).toMatchObject([{ jobId: garbage }]);
  });

  test('an open record under another job’s key runs no job', async () => {
    const jobId = pipeline.job('x', '', model);
    const text = pipeline.s3.text(CONTROL, openKey(jobId))!;
    pipeline.s3.put(CONTROL, openKey('e'.repeat(64)), text);
    await run();
    expect(ran).toHaveLength(1);
    expect(pipeline.leftRecords()).toEqual([]);
  });

  test('an open record of a newer release is left alone, and does not keep the machine on', async () => {
    const newer = 'd'.repeat(64);
    pipeline.s3.put(CONTROL, openKey(newer), JSON.stringify({ version: 2, jobId: newer }));
    pipeline.job('x', '', model);
    expect(await run()).toBe('empty');
    expect(ran).toHaveLength(1);
    expect(pipeline.leftRecords()).toEqual([openKey(newer)]);
  });

  test('a stray object below open/ neither runs nor keeps the machine on', async () => {
    pipeline.s3.put(CONTROL, 'open/notes.txt', 'hello');
    expect(await run()).toBe('empty');
    expect(pipeline.facts('not an open record, ignored')).toMatchObject([{ key: 'open/notes.txt' }]);
  });

  test('a ledger that cannot be listed twice does not end the drain', async () => {
    const jobId = pipeline.job('x', '', model);
    pipeline.s3.fault({ command: 'ListObjectsV2', times: 2, error: networkError() });
    expect(await run()).toBe('empty');
    expect(pipeline.hasReceipt('x', jobId)).toBe(true);
  });

  test('a ledger that can never be listed ends the drain with the reason: the machine must not stay on for nothing', async () => {
    pipeline.s3.fault({ command: 'ListObjectsV2', times: 999, error: networkError() });
    await expect(run()).rejects.toThrow('the network is down');
  });

  test('a job that can never be claimed stays open, and the others run', async () => {
    const stuck = pipeline.job('x', 'stuck', model);
    pipeline.job('y', 'fine', model);
    pipeline.s3.fault({ command: 'PutObject', key: claimKey(stuck), times: 99, error: networkError() });
    expect(await run()).toBe('left');
    expect(ran).toEqual(['fine']);
    expect(pipeline.leftRecords()).toEqual([openKey(stuck)]);
  });

  test('a slow status write leaves no record behind: it would stay for ever', async () => {
    const jobId = pipeline.job('x', '', model);
    const struck: number[] = [];
    const slowly = () => {
      struck.push(ran.length);
      return clock.sleep(10_000);
    };
    pipeline.s3.fault({ command: 'PutObject', key: statusKey(jobId), nth: 3, run: slowly });
    await run();
    await clock.run(clock.sleep(20_000));
    expect(struck).toEqual([1]);
    expect(pipeline.leftRecords()).toEqual([]);
  });

  test('a status that cannot be written does not fail the job', async () => {
    const jobId = pipeline.job('x', '', model);
    pipeline.s3.fault({ command: 'PutObject', key: /^status/, times: 99, error: networkError() });
    await run();
    expect(pipeline.receipt('x', jobId).outcome).toBe('succeeded');
  });
});

describe('progress', () => {
  test('the status shows the model’s latest progress, at most every two seconds', async () => {
    const seen: unknown[] = [];
    host = new VirtualHost(async (_input, { say }) => {
      for (let step = 1; step <= 100; step += 1) {
        say(`progress: ${step / 100} step ${step}`);
        await clock.sleep(100);
      }
      seen.push(JSON.parse(pipeline.s3.text(CONTROL, statusKey(jobId))!));
      return 0;
    });
    const jobId = pipeline.job('x', '', model);
    await run();
    const writes = pipeline.s3.callsOf('PutObject', statusKey(jobId));
    expect(writes.length).toBeLessThanOrEqual(9);
    expect(seen).toMatchObject([{ phase: 'running', attempt: 1 }]);
    expect((seen[0] as { progress: number }).progress).toBeGreaterThan(0.75);
  });
});

describe('an interrupted drain', () => {
  test('the model is killed and the claim released, so that the next drain does not wait for the lease', async () => {
    const jobId = pipeline.job('x', '', model);
    const stop = new AbortController();
    clock.at(10_000, () => stop.abort(new InterruptedError('the drain received SIGTERM')));
    const before = clock.now();
    expect(await run({ interrupt: stop.signal })).toBe('interrupted');
    expect(clock.now() - before).toBeLessThan(15_000);
    expect(host.killed).toEqual([jobId]);
    expect(pipeline.claimOf(jobId)).toMatchObject({
      attempt: 1,
      released: 'the drain received SIGTERM',
    });
    expect(pipeline.hasReceipt('x', jobId)).toBe(false);
  });
});

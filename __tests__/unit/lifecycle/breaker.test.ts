import { claimKey } from '../../../lifecycle/job';
import type { Claim } from '../../../lifecycle/records';
import { readPause } from '../../../lifecycle/orders';
import { settle } from '../../../lifecycle/settle';
import { FakeAccount } from '../../support/fake-account';
import { FakeS3 } from '../../support/fake-s3';

const ended = (commandId: string) => ({ kind: 'drain ended' as const, commandId });
const sweep = { kind: 'sweep' as const };
const minutes = (count: number) => count * 60_000;

function stuck(): FakeAccount {
  const account = new FakeAccount();
  account.state = 'running';
  account.setGate('OPEN');
  account.openJob('a.csv');
  return account;
}

function claim(account: FakeAccount, jobId: string, leaseMs: number, released?: string): void {
  const now = account.clock.now();
  const record: Claim = {
    version: 1,
    jobId,
    attempt: 1,
    bootId: 'b',
    drainId: 'd',
    claimedAt: new Date(now).toISOString(),
    leaseUntil: new Date(now + leaseMs).toISOString(),
    ...(released !== undefined && { released }),
    nonce: 'n',
  };
  account.s3.put('control', claimKey(jobId), JSON.stringify(record));
}

/** Settles after the ends of wake-ups, two minutes apart. */
async function end(account: FakeAccount, ...commandIds: string[]) {
  let outcome;
  for (const commandId of commandIds) {
    await account.clock.sleep(minutes(2));
    outcome = await settle(account.context, ended(commandId));
  }
  return outcome;
}

const drainStatus = (account: FakeAccount, text: string) =>
  account.s3.put('control', 'status/drain.json', text);

describe('the breaker', () => {
  it('stops the instance, pauses the pipeline and keeps the jobs after three drains without work', async () => {
    const account = stuck();
    expect(await end(account, 'c1')).toMatchObject({ did: 'woke' });
    expect(await end(account, 'c2')).toMatchObject({ did: 'woke' });
    expect(await end(account, 'c3')).toEqual({ did: 'tripped' });
    expect(account.state).toBe('stopping');
    expect(account.tags.get('lamplighter:pause')).toContain('breaker');
    expect(account.gate()).toMatchObject({ state: 'CLOSED', fruitless: 0 });
    expect(account.s3.callsOf('ListObjectsV2', 'claims/')).toHaveLength(1);
    expect(account.log.lines.some(({ level, fact }) => level === 'error' && fact.startsWith('breaker'))).toBe(
      true,
    );

    account.state = 'stopped';
    expect(await settle(account.context, sweep)).toEqual({ did: 'woke', wake: 'paused' });
  });

  it('counts a wake-up once when its event arrives twice or its instance also stops', async () => {
    const account = stuck();
    await end(account, 'c1', 'c1', 'c1', 'c1');
    await account.clock.sleep(minutes(2));
    await settle(account.context, { kind: 'instance stopped', eventTime: 't' });
    expect(account.gate()?.fruitless ?? 0).toBe(1);
  });

  it.each(['Server.InsufficientInstanceCapacity', 'Server.InternalError'])(
    'does not count the stops of EC2 itself: %s',
    async (Code) => {
      const account = stuck();
      account.state = 'stopped';
      account.stateReason = { Code, Message: `${Code}: no` };
      for (const eventTime of ['t1', 't2', 't3', 't4']) {
        await account.clock.sleep(minutes(2));
        await settle(account.context, { kind: 'instance stopped', eventTime });
        account.state = 'stopped';
        account.stateReason = { Code, Message: `${Code}: no` };
      }
      expect(account.gate()?.fruitless ?? 0).toBe(0);
      expect(account.tags.has('lamplighter:pause')).toBe(false);
    },
  );

  it('writes its pause into the orders too', async () => {
    const account = stuck();
    await end(account, 'c1', 'c2', 'c3');
    expect(await readPause(account.control)).toContain('breaker');
  });

  it('counts several commands that fail together as one wake-up', async () => {
    const account = stuck();
    for (const id of ['c1', 'c2', 'c3', 'c4']) await settle(account.context, ended(id));
    expect(account.gate()?.fruitless).toBe(1);
    expect(account.tags.has('lamplighter:pause')).toBe(false);
  });

  it.each(['refused', 'lost'])('does not leave the machine on when its stop is %s', async (what) => {
    const account = stuck();
    await end(account, 'c1', 'c2');
    const error =
      what === 'refused' ? FakeS3.error('IncorrectInstanceState', 400) : FakeS3.error('TimeoutError', 0);
    account.failures.set('StopInstances', [error]);
    await end(account, 'c3').catch(() => undefined);
    expect(account.state).toBe('running');
    await account.clock.sleep(minutes(5));
    expect(await settle(account.context, sweep)).toEqual({ did: 'stopped' });
    expect(account.state).toBe('stopping');
  });

  it('stops a paused machine that people started by hand, but never while a model runs', async () => {
    const account = stuck();
    account.setGate('CLOSED');
    account.tags.set('lamplighter:pause', 'ada');
    const job = account.openJob('b.csv');
    claim(account, job.jobId, 60_000);
    expect(await settle(account.context, sweep)).toEqual({ did: 'woke', wake: 'paused' });
    expect(account.gate()?.state).toBe('CLOSED');
    await account.clock.sleep(minutes(16));
    expect(await settle(account.context, sweep)).toEqual({ did: 'stopped' });
  });

  it('counts from zero again after a drain did work', async () => {
    const account = stuck();
    await end(account, 'c1', 'c2');
    drainStatus(account, '1');
    await end(account, 'c3');
    expect(account.gate()?.fruitless ?? 0).toBe(0);
    await end(account, 'c4', 'c5');
    expect(await end(account, 'c6')).toEqual({ did: 'tripped' });
  });

  it('counts each ten minutes of a running instance without a claim', async () => {
    const account = stuck();
    await account.clock.sleep(minutes(9));
    await settle(account.context, sweep);
    expect(account.gate()?.fruitless ?? 0).toBe(0);
    for (const fruitless of [1, 2]) {
      await account.clock.sleep(minutes(11));
      await settle(account.context, sweep);
      expect(account.gate()?.fruitless ?? 0).toBe(fruitless);
    }
    await account.clock.sleep(minutes(11));
    expect(await settle(account.context, sweep)).toEqual({ did: 'tripped' });
  });

  it('never counts a long run: its claim is renewed', async () => {
    const account = stuck();
    const job = account.openJob('b.csv');
    for (let sweeps = 0; sweeps < 6; sweeps += 1) {
      await account.clock.sleep(minutes(11));
      claim(account, job.jobId, 60_000);
      await settle(account.context, sweep);
    }
    expect(account.gate()?.fruitless ?? 0).toBe(0);
  });

  it("never counts a long run on a machine whose clock is behind: S3's clock decides", async () => {
    const account = stuck();
    const job = account.openJob('b.csv');
    for (let sweeps = 0; sweeps < 6; sweeps += 1) {
      await account.clock.sleep(minutes(11));
      claim(account, job.jobId, -minutes(20));
      await settle(account.context, sweep);
    }
    expect(account.gate()?.fruitless ?? 0).toBe(0);
    expect(account.count('StopInstances')).toBe(0);
  });

  it.each(['garbage', JSON.stringify({ version: 2 })])(
    'takes a young claim that it cannot read for a run: %s',
    async (text) => {
      const account = stuck();
      await end(account, 'c1', 'c2');
      account.s3.put('control', claimKey('c'.repeat(64)), text);
      expect(await end(account, 'c3')).toMatchObject({ did: 'woke' });
      expect(account.count('StopInstances')).toBe(0);
    },
  );

  it('takes a young claim that S3 refuses to read for a run', async () => {
    const account = stuck();
    const { jobId } = account.openJob('b.csv');
    await end(account, 'c1', 'c2');
    claim(account, jobId, 60_000);
    account.s3.fault({
      command: 'GetObject',
      key: claimKey(jobId),
      error: FakeS3.error('AccessDenied', 403),
    });
    expect(await end(account, 'c3')).toMatchObject({ did: 'woke' });
    expect(account.count('StopInstances')).toBe(0);
  });

  it('does not wait for a claim that its drain has released', async () => {
    const account = stuck();
    const { jobId } = account.openJob('b.csv');
    await end(account, 'c1', 'c2');
    claim(account, jobId, 60_000, 'given back');
    expect(await end(account, 'c3')).toEqual({ did: 'tripped' });
  });

  it('notes that it stopped the instance, so that nobody takes the stop for a death of the machine', async () => {
    const account = stuck();
    await end(account, 'c1', 'c2', 'c3');
    const key = `stops/${account.launchTime.toISOString()}.json`;
    expect(JSON.parse(account.s3.text('control', key)!)).toMatchObject({ by: 'lamplighter' });
  });

  it('does not kill a model that a drain claimed at the last moment', async () => {
    const account = stuck();
    const job = account.openJob('b.csv');
    await end(account, 'c1', 'c2');
    account.s3.fault({
      command: 'ListObjectsV2',
      key: 'claims/',
      run: () => claim(account, job.jobId, 60_000),
    });
    expect(await end(account, 'c3')).toMatchObject({ did: 'woke' });
    expect(account.count('StopInstances')).toBe(0);
    expect(account.gate()?.state).toBe('OPEN');
    expect(account.tags.has('lamplighter:pause')).toBe(false);
  });

  it('does not trip if a whole job ran between its two reads', async () => {
    const account = stuck();
    await end(account, 'c1', 'c2');
    account.s3.fault({
      command: 'ListObjectsV2',
      key: 'claims/',
      run: () => drainStatus(account, 'claimed, and ended'),
    });
    expect(await end(account, 'c3')).toMatchObject({ did: 'woke' });
    expect(account.count('StopInstances')).toBe(0);
    expect(account.gate()?.state).toBe('OPEN');
    expect(account.tags.has('lamplighter:pause')).toBe(false);
  });

  it('does not stop an instance that people hold', async () => {
    const account = stuck();
    account.tags.set('lamplighter:hold', 'ada');
    await end(account, 'c1', 'c2', 'c3', 'c4');
    expect(account.count('StopInstances')).toBe(0);
  });
});

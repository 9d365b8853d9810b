import { claimKey } from '../../../lifecycle/job';
import type { Claim } from '../../../lifecycle/records';
import { settle } from '../../../lifecycle/settle';
import { FakeAccount } from '../../support/fake-account';

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

function claim(account: FakeAccount, jobId: string, leaseMs: number): void {
  const now = account.clock.now();
  const record: Claim = {
    version: 1,
    jobId,
    attempt: 1,
    bootId: 'b',
    drainId: 'd',
    claimedAt: new Date(now).toISOString(),
    leaseUntil: new Date(now + leaseMs).toISOString(),
    nonce: 'n',
  };
  account.s3.put('control', claimKey(jobId), JSON.stringify(record));
}

const drainStatus = (account: FakeAccount, text: string) =>
  account.s3.put('control', 'status/drain.json', text);

describe('the breaker', () => {
  it('stops, pauses and loses nothing when three drains in a row ended without a trace of work', async () => {
    const account = stuck();
    expect(await settle(account.context, ended('c1'))).toMatchObject({ did: 'woke' });
    expect(await settle(account.context, ended('c2'))).toMatchObject({ did: 'woke' });
    expect(await settle(account.context, ended('c3'))).toEqual({ did: 'tripped' });
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

  it('counts an event that comes twice, and a stop after its command’s end, once', async () => {
    const account = stuck();
    for (let times = 0; times < 5; times += 1) await settle(account.context, ended('c1'));
    await settle(account.context, { kind: 'instance stopped', eventTime: 't' });
    expect(account.gate()?.fruitless ?? 0).toBe(1);
  });

  it('starts counting anew as soon as a drain leaves a trace', async () => {
    const account = stuck();
    await settle(account.context, ended('c1'));
    await settle(account.context, ended('c2'));
    drainStatus(account, '1');
    await settle(account.context, ended('c3'));
    expect(account.gate()?.fruitless ?? 0).toBe(0);
    await settle(account.context, ended('c4'));
    await settle(account.context, ended('c5'));
    expect(await settle(account.context, ended('c6'))).toEqual({ did: 'tripped' });
  });

  it('counts an instance that runs for ten minutes without a claim, and again for the next ten', async () => {
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

  it('does not kill a model that a drain claimed at the last moment', async () => {
    const account = stuck();
    const job = account.openJob('b.csv');
    await settle(account.context, ended('c1'));
    await settle(account.context, ended('c2'));
    account.s3.fault({
      command: 'ListObjectsV2',
      key: 'claims/',
      run: () => claim(account, job.jobId, 60_000),
    });
    expect(await settle(account.context, ended('c3'))).toMatchObject({ did: 'woke' });
    expect(account.count('StopInstances')).toBe(0);
    expect(account.gate()?.state).toBe('OPEN');
    expect(account.tags.has('lamplighter:pause')).toBe(false);
  });

  it('leaves a held instance to its holder', async () => {
    const account = stuck();
    account.tags.set('lamplighter:hold', 'ada');
    for (const id of ['c1', 'c2', 'c3']) await settle(account.context, ended(id));
    expect(account.count('StopInstances')).toBe(0);
  });
});

import { DRAIN_STATUS_KEY, jobIdOf } from '../../../lifecycle/job';
import type { DrainStatus } from '../../../lifecycle/records';
import { settle, type SettleOutcome } from '../../../lifecycle/settle';
import type { Cause } from '../../../lifecycle/settle-context';
import { FakeAccount } from '../../support/fake-account';

const receipt: Cause = { kind: 'receipt', jobIds: [] };
const drainEnded: Cause = { kind: 'drain ended', commandId: 'c-1' };
const TAIL_SECONDS = 30;

let account: FakeAccount;
let began: number;
/** What happens while stop waits. */
let meanwhile: () => void;

beforeEach(() => {
  account = new FakeAccount();
  account.state = 'running';
  account.setGate('OPEN');
  began = account.clock.now();
  meanwhile = () => undefined;
  const { sleep } = account.clock;
  account.clock.sleep = (milliseconds) => {
    meanwhile();
    return sleep(milliseconds);
  };
});

it('keeps the instance on for the whole tail after a receipt, then stops it', async () => {
  trace('ended');
  expect(await settled(receipt)).toEqual({ did: 'stopped' });
  expect(secondsWaited()).toBe(TAIL_SECONDS);
  expect(account.gate()?.state).toBe('CLOSED');
});

it("counts the tail from the drain's last work, whoever looks: the drain's end does not prolong it", async () => {
  trace('ended', 12);
  expect(await settled(drainEnded)).toEqual({ did: 'stopped' });
  expect(secondsWaited()).toBe(TAIL_SECONDS - 12);
});

it('waits the whole tail when the trace of the receipt is still on its way', async () => {
  trace('claimed', 1_200);
  expect(await settled(receipt)).toEqual({ did: 'stopped' });
  expect(secondsWaited()).toBe(TAIL_SECONDS);
});

it.each<[string, () => void]>([
  ['the tail is over', () => trace('ended', TAIL_SECONDS)],
  ['no drain has ever worked', () => undefined],
  ['the trace is garbage', () => void account.s3.put('control', DRAIN_STATUS_KEY, 'garbage')],
])('stops at once when %s', async (_, arrange) => {
  arrange();
  expect(await settled(drainEnded)).toEqual({ did: 'stopped' });
  expect(secondsWaited()).toBe(0);
});

it('stops at once, asking for nothing more, with a tail of 0', async () => {
  trace('ended');
  expect(await settled(receipt, 0)).toEqual({ did: 'stopped' });
  expect(secondsWaited()).toBe(0);
  expect(account.s3.calls.some(({ key }) => key === DRAIN_STATUS_KEY)).toBe(false);
});

it('does not touch a gate that it would have to close under a job that has come', async () => {
  trace('ended');
  meanwhile = () => account.openJob('next.csv');
  expect(await settled(receipt)).toEqual({ did: 'nothing' });
  expect(account.count('StopInstances')).toBe(0);
  expect(account.s3.callsOf('PutObject')).toEqual([]);
});

it('leaves the stop to the receipt of a job that came and went meanwhile, which has a tail of its own', async () => {
  trace('ended');
  meanwhile = () => trace('ended', -25);
  expect(await settled(receipt)).toEqual({ did: 'left to another' });
  expect(account.count('StopInstances')).toBe(0);
});

it('leaves a gate alone that somebody else has begun to close', async () => {
  trace('ended');
  meanwhile = () => account.setGate('CLOSING', -29);
  expect(await settled(receipt)).toEqual({ did: 'left to another' });
  expect(account.count('StopInstances')).toBe(0);
});

it('heeds a hold that people set while it waited', async () => {
  trace('ended');
  meanwhile = () => account.tags.set('lamplighter:hold', 'ada');
  expect(await settled(receipt)).toEqual({ did: 'held' });
});

function settled(cause: Cause, lingerSeconds = TAIL_SECONDS): Promise<SettleOutcome> {
  return settle({ ...account.context, lingerSeconds }, cause);
}

function secondsWaited(): number {
  return (account.clock.now() - began) / 1000;
}

function trace(did: DrainStatus['did'], ageSeconds = 0): void {
  const status: DrainStatus = {
    version: 1,
    did,
    jobId: jobIdOf({ bucket: 'data', key: 'a.csv', versionId: 'v' }),
    drainId: 'd',
    bootId: 'b',
    at: new Date(account.clock.now() - ageSeconds * 1000).toISOString(),
  };
  account.s3.put('control', DRAIN_STATUS_KEY, JSON.stringify(status));
}

import { DRAIN_STATUS_KEY, jobIdOf } from '../../../lifecycle/job';
import type { DrainStatus } from '../../../lifecycle/records';
import { settle, type SettleOutcome } from '../../../lifecycle/settle';
import type { Cause } from '../../../lifecycle/settle-context';
import { FakeAccount } from '../../support/fake-account';

const receipt: Cause = { kind: 'receipt', jobIds: [] };
const drainEnded: Cause = { kind: 'drain ended', commandId: 'c-1' };
const TAIL_SECONDS = 30;

let account: FakeAccount;
let startedMs: number;
/** Called while stop waits. */
let meanwhile: () => void;

beforeEach(() => {
  account = new FakeAccount();
  account.state = 'running';
  account.setGate('OPEN');
  startedMs = account.clock.now();
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

it("counts the tail from the drain's last work: the drain's end does not prolong it", async () => {
  trace('ended', 12);
  expect(await settled(drainEnded)).toEqual({ did: 'stopped' });
  expect(secondsWaited()).toBe(TAIL_SECONDS - 12);
});

it('waits the whole tail when the drain has not yet written the trace of the receipt', async () => {
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

it('stops at once, without a further call, if the tail is 0', async () => {
  trace('ended');
  expect(await settled(receipt, 0)).toEqual({ did: 'stopped' });
  expect(secondsWaited()).toBe(0);
  expect(account.s3.calls.some(({ key }) => key === DRAIN_STATUS_KEY)).toBe(false);
});

it('does not touch the gate if a job arrived during the wait', async () => {
  trace('ended');
  meanwhile = () => account.openJob('next.csv');
  expect(await settled(receipt)).toEqual({ did: 'nothing' });
  expect(account.count('StopInstances')).toBe(0);
  expect(account.s3.callsOf('PutObject')).toEqual([]);
});

it('leaves the stop to the receipt of a job that ran during the wait, which starts its own tail', async () => {
  trace('ended');
  meanwhile = () => trace('ended', -25);
  expect(await settled(receipt)).toEqual({ did: 'left to another' });
  expect(account.count('StopInstances')).toBe(0);
});

it('does not touch a gate that another function is closing', async () => {
  trace('ended');
  meanwhile = () => account.setGate('CLOSING', -29);
  expect(await settled(receipt)).toEqual({ did: 'left to another' });
  expect(account.count('StopInstances')).toBe(0);
});

it('does not stop an instance that people held during the wait', async () => {
  trace('ended');
  meanwhile = () => account.tags.set('lamplighter:hold', 'ada');
  expect(await settled(receipt)).toEqual({ did: 'held' });
});

function settled(cause: Cause, lingerSeconds = TAIL_SECONDS): Promise<SettleOutcome> {
  return settle({ ...account.context, lingerSeconds }, cause);
}

function secondsWaited(): number {
  return (account.clock.now() - startedMs) / 1000;
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

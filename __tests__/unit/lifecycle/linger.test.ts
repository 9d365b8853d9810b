import { DRAIN_STATUS_KEY } from '../../../lifecycle/job';
import { REPORT_SECONDS } from '../../../lifecycle/linger';
import { settle, type SettleOutcome } from '../../../lifecycle/settle';
import type { Cause } from '../../../lifecycle/settle-context';
import { FakeAccount } from '../../support/fake-account';

const sweep: Cause = { kind: 'sweep' };
const receipt: Cause = { kind: 'receipt', jobIds: [] };
const TAIL_SECONDS = 30;

let account: FakeAccount;

beforeEach(() => {
  account = new FakeAccount();
  account.state = 'running';
  account.setGate('OPEN');
});

it.each<Cause>([receipt, sweep])('no function sleeps while the drain lingers: $kind', async (cause) => {
  account.s3.put('control', DRAIN_STATUS_KEY, 'trace');
  const startedMs = account.clock.now();
  expect(await settled(cause)).toEqual({ did: 'nothing' });
  expect(account.clock.now()).toBe(startedMs);
  expect(account.count('StopInstances')).toBe(0);
});

it.each<Cause>([
  { kind: 'drain ended', commandId: 'c-1' },
  { kind: 'instance running' },
  { kind: 'instance stopped', eventTime: 't' },
])('closes at once when no drain lingers any more: $kind', async (cause) => {
  account.s3.put('control', DRAIN_STATUS_KEY, 'trace');
  expect(await settled(cause)).toEqual({ did: 'stopped' });
});

it('a sweep stops the instance when the tail is over, by the clock of S3', async () => {
  account.s3.put('control', DRAIN_STATUS_KEY, JSON.stringify({ at: '2099-01-01T00:00:00.000Z' }));
  await account.clock.sleep((TAIL_SECONDS - 1) * 1000);
  expect(await settled(sweep)).toEqual({ did: 'nothing' });
  await account.clock.sleep((1 + REPORT_SECONDS) * 1000);
  expect(await settled(sweep)).toEqual({ did: 'stopped' });
});

it('a sweep stops the instance at once when no drain has ever worked', async () => {
  expect(await settled(sweep)).toEqual({ did: 'stopped' });
});

it.each([0, TAIL_SECONDS])(
  'a sweep leaves the agent time to report the end of the command: a tail of %i s',
  async (tail) => {
    account.s3.put('control', DRAIN_STATUS_KEY, 'trace');
    await account.clock.sleep((tail + REPORT_SECONDS - 1) * 1000);
    expect(await settled(sweep, tail)).toEqual({ did: 'nothing' });
    await account.clock.sleep(1000);
    expect(await settled(sweep, tail)).toEqual({ did: 'stopped' });
  },
);

it('a sweep stops the instance at once after a hold: the end of the command was settled during the hold', async () => {
  account.s3.put('control', DRAIN_STATUS_KEY, 'trace');
  expect(await settled({ kind: 'sweep', afterHold: true }, 0)).toEqual({ did: 'stopped' });
});

it.each(['CLOSED', 'CLOSING'] as const)(
  'a sweep does not leave a tail behind a gate that is %s',
  async (gate) => {
    account.s3.put('control', DRAIN_STATUS_KEY, 'trace');
    account.setGate(gate, 1_000);
    expect(await settled(sweep)).toEqual({ did: 'stopped' });
  },
);

function settled(cause: Cause, lingerSeconds = TAIL_SECONDS): Promise<SettleOutcome> {
  return settle({ ...account.context, lingerSeconds }, cause);
}

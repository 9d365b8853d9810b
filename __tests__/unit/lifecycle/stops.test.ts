import { stopSchema } from '../../../lifecycle/records';
import { settle } from '../../../lifecycle/settle';
import { wake } from '../../../lifecycle/wake';
import { FakeAccount } from '../../support/fake-account';
import { FakeS3 } from '../../support/fake-s3';

const KEY = 'stops/2026-01-01T00:00:00.000Z.json';

/** A stopped instance with this reason, whose last launch had a fraction of a second. */
function stoppedFor(Code?: string): FakeAccount {
  const account = new FakeAccount();
  account.launchTime = new Date(account.launchTime.getTime() + 400);
  account.stateReason = Code === undefined ? undefined : { Code, Message: `${Code}: for a test` };
  void account.clock.sleep(3_600_000);
  return account;
}

const noteIn = async (account: FakeAccount) => (await account.control.get(KEY, stopSchema))?.record;

it.each([
  ['Server.SpotInstanceShutdown', 'EC2'],
  ['Server.SpotInstanceTermination', 'EC2'],
  ['Server.ScheduledStop', 'EC2'],
  ['Server.InternalError', 'EC2'],
  ['Client.UserInitiatedShutdown', 'people'],
  ['Client.UserInitiatedHibernate', 'people'],
  ['Client.InstanceInitiatedShutdown', 'machine'],
  ['Client.InternalError', 'unknown'],
  [undefined, 'unknown'],
])('notes at the next start why the instance stopped: %s is %s', async (code, by) => {
  const account = stoppedFor(code);
  expect(await wake(account.context, 'test')).toBe('woken');
  expect(await noteIn(account)).toMatchObject({
    launchedAt: '2026-01-01T00:00:00.000Z',
    by,
    why: code === undefined ? 'EC2 gives no reason' : `${code}: for a test`,
  });
});

it('notes nothing for an instance that runs, is paused, or was not started', async () => {
  const account = stoppedFor('Server.InternalError');
  account.setGate('CLOSING');
  await wake(account.context, 'test');
  account.setGate('CLOSED');
  account.tags.set('lamplighter:pause', 'ada');
  await wake(account.context, 'test');
  account.tags.clear();
  account.state = 'running';
  await wake(account.context, 'test');
  expect(await noteIn(account)).toBeUndefined();
});

it('starts the instance and invokes the worker although the note fails', async () => {
  const account = stoppedFor('Server.InternalError');
  account.s3.fault({ command: 'PutObject', key: KEY, error: FakeS3.error('AccessDenied', 403) });
  expect(await wake(account.context, 'test')).toBe('woken');
  expect(account.count('Invoke')).toBe(1);
  expect(account.log.lines).toContainEqual(expect.objectContaining({ level: 'warn' }));
});

it('says of a stop of its own that it was its own, also after EC2 says that a user did it', async () => {
  const account = stoppedFor();
  account.state = 'running';
  account.setGate('OPEN');
  expect(await settle(account.context, { kind: 'sweep' })).toEqual({ did: 'stopped' });
  account.state = 'stopped';
  await wake(account.context, 'test');
  expect(await noteIn(account)).toMatchObject({ by: 'lamplighter', why: 'nothing is open' });
});

it('notes its own stop of a paused instance', async () => {
  const account = stoppedFor();
  account.state = 'running';
  account.openJob('a.csv');
  account.tags.set('lamplighter:pause', 'ada');
  expect(await settle(account.context, { kind: 'sweep' })).toEqual({ did: 'stopped' });
  expect(await noteIn(account)).toMatchObject({ by: 'lamplighter' });
});

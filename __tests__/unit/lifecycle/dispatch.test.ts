import { RetryLaterError } from '../../../lifecycle/errors';
import { dispatch } from '../../../lifecycle/dispatch';
import { FakeAccount } from '../../support/fake-account';
import { FakeS3 } from '../../support/fake-s3';

function running(): FakeAccount {
  const account = new FakeAccount();
  account.state = 'running';
  account.lastPing = new Date(account.launchTime.getTime() + 1);
  return account;
}

describe('dispatch', () => {
  it('sends one drain command after a ping of the agent', async () => {
    const account = running();
    expect(await dispatch(account.dispatchContext)).toBe('sent');
    expect(account.count('SendCommand')).toBe(1);
  });

  it('does not trust a ping from before the launch, although SSM reports “Online”', async () => {
    const account = running();
    account.lastPing = account.launchTime;
    await expect(dispatch(account.dispatchContext)).rejects.toThrow(RetryLaterError);
    expect(account.count('SendCommand')).toBe(0);
  });

  it('gives up within its time limit, and names what to check', async () => {
    const account = running();
    account.lastPing = undefined;
    const startedMs = account.clock.now();
    await expect(dispatch(account.dispatchContext)).rejects.toThrow(/i-1 \(running.*network/);
    expect(account.clock.now() - startedMs).toBeLessThanOrEqual(270_000);
  });

  it.each(['Pending', 'InProgress'])('sends no second drain command while one is %s', async (Status) => {
    const account = running();
    account.commands = [{ CommandId: 'c-0', Status }];
    expect(await dispatch(account.dispatchContext)).toBe('live');
    expect(account.count('SendCommand')).toBe(0);
  });

  it.each(['Success', 'Failed', 'TimedOut', 'Cancelled'])(
    'sends a new drain command after one that is %s',
    async (Status) => {
      const account = running();
      account.commands = [{ CommandId: 'c-0', Status }];
      expect(await dispatch(account.dispatchContext)).toBe('sent');
    },
  );

  it('ignores the command of an earlier instance', async () => {
    const account = running();
    account.commands = [{ CommandId: 'c-0', Status: 'InProgress', InstanceIds: ['i-0'] }];
    expect(await dispatch(account.dispatchContext)).toBe('sent');
  });

  it('retries while SSM does not know the new instance yet', async () => {
    const account = running();
    account.failures.set('SendCommand', [FakeS3.error('InvalidInstanceId', 400)]);
    expect(await dispatch(account.dispatchContext)).toBe('sent');
    expect(account.count('SendCommand')).toBe(2);
  });

  it('looks at most twelve times in the first 50 seconds of a boot', async () => {
    const account = running();
    account.state = 'pending';
    const bootedMs = account.clock.now() + 50_000;
    account.meanwhile.set('DescribeInstances', () => {
      if (account.clock.now() >= bootedMs) account.state = 'running';
    });
    expect(await dispatch(account.dispatchContext)).toBe('sent');
    expect(account.count('DescribeInstances')).toBe(12);
  });

  it.each(['DescribeInstances', 'ListCommands', 'SendCommand'])(
    'goes on when AWS throttles %s',
    async (call) => {
      const account = running();
      account.failures.set(call, [FakeS3.error('ThrottlingException', 400)]);
      expect(await dispatch(account.dispatchContext)).toBe('sent');
    },
  );

  it('waits for the end of the boot', async () => {
    const account = running();
    account.state = 'pending';
    account.meanwhile.set('DescribeInstances', () => {
      if (account.count('DescribeInstances') === 4) account.state = 'running';
    });
    expect(await dispatch(account.dispatchContext)).toBe('sent');
  });

  it('ends without an error if the instance has been stopped', async () => {
    const account = running();
    account.state = 'stopped';
    expect(await dispatch(account.dispatchContext)).toBe('gone');
  });
});

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
  it('sends one drain command once the agent has been heard', async () => {
    const account = running();
    expect(await dispatch(account.dispatchContext)).toBe('sent');
    expect(account.count('SendCommand')).toBe(1);
  });

  it('does not trust a ping of before the launch, however “Online” SSM calls it', async () => {
    const account = running();
    account.lastPing = account.launchTime;
    await expect(dispatch(account.dispatchContext)).rejects.toThrow(RetryLaterError);
    expect(account.count('SendCommand')).toBe(0);
  });

  it('gives up inside its patience and says what to look at', async () => {
    const account = running();
    account.lastPing = undefined;
    const began = account.clock.now();
    await expect(dispatch(account.dispatchContext)).rejects.toThrow(/i-1 \(running.*network/);
    expect(account.clock.now() - began).toBeLessThanOrEqual(270_000);
  });

  it.each(['Pending', 'InProgress'])('sends no second drain beside one that is %s', async (Status) => {
    const account = running();
    account.commands = [{ CommandId: 'c-0', Status }];
    expect(await dispatch(account.dispatchContext)).toBe('live');
    expect(account.count('SendCommand')).toBe(0);
  });

  it.each(['Success', 'Failed', 'TimedOut', 'Cancelled'])(
    'sends a new one after one that is %s',
    async (Status) => {
      const account = running();
      account.commands = [{ CommandId: 'c-0', Status }];
      expect(await dispatch(account.dispatchContext)).toBe('sent');
    },
  );

  it('does not wait for the command of an instance that was there before', async () => {
    const account = running();
    account.commands = [{ CommandId: 'c-0', Status: 'InProgress', InstanceIds: ['i-0'] }];
    expect(await dispatch(account.dispatchContext)).toBe('sent');
  });

  it('asks again when SSM does not know the fresh instance yet', async () => {
    const account = running();
    account.failures.set('SendCommand', [FakeS3.error('InvalidInstanceId', 400)]);
    expect(await dispatch(account.dispatchContext)).toBe('sent');
    expect(account.count('SendCommand')).toBe(2);
  });

  it('waits through the boot', async () => {
    const account = running();
    account.state = 'pending';
    account.meanwhile.set('DescribeInstances', () => {
      if (account.count('DescribeInstances') === 4) account.state = 'running';
    });
    expect(await dispatch(account.dispatchContext)).toBe('sent');
  });

  it('ends when the instance has been stopped meanwhile, without an error', async () => {
    const account = running();
    account.state = 'stopped';
    expect(await dispatch(account.dispatchContext)).toBe('gone');
  });
});

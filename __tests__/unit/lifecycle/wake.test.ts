import { LamplighterError } from '../../../lifecycle/errors';
import { writePause } from '../../../lifecycle/orders';
import type { Shortage } from '../../../lifecycle/records';
import { endShortage } from '../../../lifecycle/shortage';
import { wake } from '../../../lifecycle/wake';
import { FakeAccount } from '../../support/fake-account';
import { FakeS3 } from '../../support/fake-s3';

/** Another function opens the closed gate just before `wake` does. `change` changes the account at that moment. */
function moveGateBeforeWake(account: FakeAccount, change: () => unknown = () => undefined): void {
  account.setGate('CLOSED');
  account.s3.fault({
    command: 'PutObject',
    key: 'gate.json',
    run: () => {
      account.setGate('OPEN');
      change();
    },
  });
}

describe('wake', () => {
  it.each([undefined, 'CLOSED', 'OPEN'] as const)(
    'starts the instance behind a gate that is %s',
    async (state) => {
      const account = new FakeAccount();
      if (state) account.setGate(state);
      expect(await wake(account.context, 'test')).toBe('woken');
      expect(account.gate()?.state).toBe('OPEN');
      expect(account.calls).toEqual(['DescribeInstances', 'StartInstances', 'Invoke', 'CreateTags']);
      expect(account.tags.get('lamplighter:phase')).toBe('starting');
    },
  );

  it('invokes one worker for a burst of uploads: not for an instance that another start made pending', async () => {
    const account = new FakeAccount();
    account.state = 'pending';
    expect(await wake(account.context, 'test')).toBe('woken');
    expect(account.count('Invoke')).toBe(0);
    account.state = 'running';
    await wake(account.context, 'test');
    expect(account.count('Invoke')).toBe(1);
  });

  it('replaces a gate that holds garbage', async () => {
    const account = new FakeAccount();
    account.s3.put('control', 'gate.json', '<html>');
    expect(await wake(account.context, 'test')).toBe('woken');
    expect(account.gate()?.state).toBe('OPEN');
  });

  it('opens the gate only after EC2 accepted the start: else a drain on a stopping machine would begin a model', async () => {
    const account = new FakeAccount();
    account.setGate('CLOSED');
    account.meanwhile.set('StartInstances', () => expect(account.gate()?.state).toBe('CLOSED'));
    expect(await wake(account.context, 'test')).toBe('woken');
    expect(account.gate()?.state).toBe('OPEN');
  });

  it('leaves a closing gate to the function that closes it', async () => {
    const account = new FakeAccount();
    account.setGate('CLOSING');
    expect(await wake(account.context, 'test')).toBe('closing');
    expect(account.count('StartInstances')).toBe(0);
    expect(account.gate()?.state).toBe('CLOSING');
  });

  it('leaves an interrupted spot instance to EC2, and fails neither the upload nor the gate', async () => {
    const account = new FakeAccount();
    account.setGate('OPEN');
    account.failures.set('StartInstances', [FakeS3.error('IncorrectSpotRequestState', 400)]);
    expect(await wake(account.context, 'test')).toBe('stopping');
    expect(account.count('Invoke')).toBe(0);
    expect(account.gate()?.state).toBe('OPEN');
  });

  it('leaves a stopping instance to its stopped event, with the gate closed', async () => {
    const account = new FakeAccount();
    account.setGate('CLOSED');
    account.state = 'stopping';
    expect(await wake(account.context, 'test')).toBe('stopping');
    expect(account.count('Invoke')).toBe(0);
    expect(account.gate()?.state).toBe('CLOSED');
  });

  it('starts nothing while the pipeline is paused', async () => {
    const account = new FakeAccount();
    account.tags.set('lamplighter:pause', 'ada: disk full');
    expect(await wake(account.context, 'test')).toBe('paused');
    expect(account.calls).toEqual(['DescribeInstances']);
  });

  it('reads the gate again if another writer came first', async () => {
    const account = new FakeAccount();
    moveGateBeforeWake(account);
    expect(await wake(account.context, 'test')).toBe('woken');
    // The second start found `pending`, but the first start caused that. No other function invokes the worker.
    expect(account.count('StartInstances')).toBe(2);
    expect(account.count('Invoke')).toBe(1);
  });

  it('invokes the worker when its second start finds the instance stopped', async () => {
    const account = new FakeAccount();
    account.state = 'pending';
    moveGateBeforeWake(account, () => (account.state = 'stopped'));
    expect(await wake(account.context, 'test')).toBe('woken');
    expect(account.count('Invoke')).toBe(1);
  });

  it('invokes the worker when a lost try of its second start may have started the instance', async () => {
    const account = new FakeAccount();
    account.state = 'pending';
    moveGateBeforeWake(account, () => (account.tries = 2));
    expect(await wake(account.context, 'test')).toBe('woken');
    expect(account.count('Invoke')).toBe(1);
  });

  it('invokes the worker when a lost try of its only start may have started the instance', async () => {
    const account = new FakeAccount();
    account.state = 'pending';
    account.tries = 2;
    expect(await wake(account.context, 'test')).toBe('woken');
    expect(account.count('Invoke')).toBe(1);
  });

  it('invokes the worker for an instance that it started, also when another function closes the gate', async () => {
    const account = new FakeAccount();
    account.setGate('CLOSED');
    account.s3.fault({ command: 'PutObject', key: 'gate.json', run: () => account.setGate('CLOSING') });
    expect(await wake(account.context, 'test')).toBe('closing');
    expect(account.count('Invoke')).toBe(1);
  });

  it.each([
    ['StartInstances', 'InsufficientInstanceCapacity', 500],
    ['StartInstances', 'VcpuLimitExceeded', 400],
    ['StartInstances', 'InstanceLimitExceeded', 400],
    ['StartInstances', 'RequestLimitExceeded', 503],
    ['DescribeInstances', 'RequestLimitExceeded', 503],
  ])('fails no function and tells people when %s answers %s', async (call, code, status) => {
    const account = new FakeAccount();
    account.failures.set(call, [FakeS3.error(code, status)]);
    expect(await wake(account.context, 'test')).toBe('no capacity');
    expect(account.count('Invoke')).toBe(0);
    expect(account.gate()).toBeUndefined();
    expect(JSON.parse(account.s3.text('control', 'capacity.json') ?? '')).toMatchObject({
      code,
      refusals: 1,
    });
  });

  it('counts the refusals of one shortage, until the instance runs again', async () => {
    const account = new FakeAccount();
    const refuse = async () => {
      account.failures.set('StartInstances', [FakeS3.error('VcpuLimitExceeded', 400)]);
      await account.clock.sleep(300_000);
      await wake(account.context, 'test');
      return JSON.parse(account.s3.text('control', 'capacity.json') ?? '') as Shortage;
    };
    const first = await refuse();
    expect(await refuse()).toMatchObject({ since: first.since, refusals: 2 });
    await endShortage(account.context);
    const next = await refuse();
    expect(next).toMatchObject({ since: next.at, refusals: 1 });
  });

  it('still fails when EC2 refuses the start for another reason', async () => {
    const account = new FakeAccount();
    account.failures.set('StartInstances', [FakeS3.error('UnauthorizedOperation', 403)]);
    await expect(wake(account.context, 'test')).rejects.toThrow('UnauthorizedOperation');
  });

  it('asks EC2 nothing while the orders hold a pause, also when its tag is not shown yet', async () => {
    const account = new FakeAccount();
    await writePause(account.context, 'ada: disk full');
    expect(await wake(account.context, 'test')).toBe('paused');
    expect(account.calls).toEqual([]);
    await writePause(account.context, undefined);
    expect(await wake(account.context, 'test')).toBe('woken');
  });

  it('names the remedy when the instance has been terminated', async () => {
    const account = new FakeAccount();
    account.state = 'terminated';
    await expect(wake(account.context, 'test')).rejects.toThrow(LamplighterError);
    await expect(wake(account.context, 'test')).rejects.toThrow('cdktf deploy');
  });

  it('wakes although the phase tag fails', async () => {
    const account = new FakeAccount();
    account.failures.set('CreateTags', [FakeS3.error('RequestLimitExceeded', 503)]);
    expect(await wake(account.context, 'test')).toBe('woken');
  });
});

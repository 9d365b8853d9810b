import { LamplighterError } from '../../../lifecycle/errors';
import { wake } from '../../../lifecycle/wake';
import { FakeAccount } from '../../support/fake-account';
import { FakeS3 } from '../../support/fake-s3';

/** Somebody opens the closed gate just before wake does; what else happens then. */
function whenGateMoves(account: FakeAccount, happen: () => unknown = () => undefined): void {
  account.setGate('CLOSED');
  account.s3.fault({
    command: 'PutObject',
    key: 'gate.json',
    run: () => {
      account.setGate('OPEN');
      happen();
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

  it('invokes one worker for a burst of uploads: whoever made the instance pending has done so', async () => {
    const account = new FakeAccount();
    account.state = 'pending';
    expect(await wake(account.context, 'test')).toBe('woken');
    expect(account.count('Invoke')).toBe(0);
    account.state = 'running';
    await wake(account.context, 'test');
    expect(account.count('Invoke')).toBe(1);
  });

  it('mends a gate that holds garbage', async () => {
    const account = new FakeAccount();
    account.s3.put('control', 'gate.json', '<html>');
    expect(await wake(account.context, 'test')).toBe('woken');
    expect(account.gate()?.state).toBe('OPEN');
  });

  it('opens the gate only when the start is accepted: a drain on a stopping machine would begin a model to be killed', async () => {
    const account = new FakeAccount();
    account.setGate('CLOSED');
    account.meanwhile.set('StartInstances', () => expect(account.gate()?.state).toBe('CLOSED'));
    expect(await wake(account.context, 'test')).toBe('woken');
    expect(account.gate()?.state).toBe('OPEN');
  });

  it('leaves a closing gate to whoever closes it', async () => {
    const account = new FakeAccount();
    account.setGate('CLOSING');
    expect(await wake(account.context, 'test')).toBe('closing');
    expect(account.count('StartInstances')).toBe(0);
    expect(account.gate()?.state).toBe('CLOSING');
  });

  it('leaves a spot instance that EC2 has taken away to EC2: the upload is no failed event, the gate stays as it was', async () => {
    const account = new FakeAccount();
    account.setGate('OPEN');
    account.failures.set('StartInstances', [FakeS3.error('IncorrectSpotRequestState', 400)]);
    expect(await wake(account.context, 'test')).toBe('stopping');
    expect(account.count('Invoke')).toBe(0);
    expect(account.gate()?.state).toBe('OPEN');
  });

  it('leaves a stopping instance to the event that tells of its stop, with the gate closed', async () => {
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

  it('reads the gate again when another writer came first', async () => {
    const account = new FakeAccount();
    whenGateMoves(account);
    expect(await wake(account.context, 'test')).toBe('woken');
    // Its second start has met `pending`, but it was its first that made it so: nobody else invokes worker.
    expect(account.count('StartInstances')).toBe(2);
    expect(account.count('Invoke')).toBe(1);
  });

  it('invokes worker when it is its second start that starts it: what was pending has fallen back', async () => {
    const account = new FakeAccount();
    account.state = 'pending';
    whenGateMoves(account, () => (account.state = 'stopped'));
    expect(await wake(account.context, 'test')).toBe('woken');
    expect(account.count('Invoke')).toBe(1);
  });

  it('invokes worker when its second start may be what starts it: the answer to its first try was lost', async () => {
    const account = new FakeAccount();
    account.state = 'pending';
    whenGateMoves(account, () => (account.tries = 2));
    expect(await wake(account.context, 'test')).toBe('woken');
    expect(account.count('Invoke')).toBe(1);
  });

  it('invokes worker when EC2 met its own earlier try, whose answer was lost', async () => {
    const account = new FakeAccount();
    account.state = 'pending';
    account.tries = 2;
    expect(await wake(account.context, 'test')).toBe('woken');
    expect(account.count('Invoke')).toBe(1);
  });

  it('invokes worker for what it has started, even when it has to leave the gate to a closer', async () => {
    const account = new FakeAccount();
    account.setGate('CLOSED');
    account.s3.fault({ command: 'PutObject', key: 'gate.json', run: () => account.setGate('CLOSING') });
    expect(await wake(account.context, 'test')).toBe('closing');
    expect(account.count('Invoke')).toBe(1);
  });

  it('fails loudly when EC2 has no machine to give, so that the platform tries again', async () => {
    const account = new FakeAccount();
    account.failures.set('StartInstances', [FakeS3.error('InsufficientInstanceCapacity', 500)]);
    await expect(wake(account.context, 'test')).rejects.toThrow('InsufficientInstanceCapacity');
  });

  it('says what to do when the instance has been terminated', async () => {
    const account = new FakeAccount();
    account.state = 'terminated';
    await expect(wake(account.context, 'test')).rejects.toThrow(LamplighterError);
    await expect(wake(account.context, 'test')).rejects.toThrow('cdktf deploy');
  });

  it('does not lose the wake-up when only the phase tag fails', async () => {
    const account = new FakeAccount();
    account.failures.set('CreateTags', [FakeS3.error('RequestLimitExceeded', 503)]);
    expect(await wake(account.context, 'test')).toBe('woken');
  });
});

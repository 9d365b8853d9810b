import { RetryLaterError } from '../../../lifecycle/errors';
import { claimKey, openKey } from '../../../lifecycle/job';
import { settle } from '../../../lifecycle/settle';
import type { Cause } from '../../../lifecycle/settle-context';
import { FakeAccount } from '../../support/fake-account';
import { FakeS3 } from '../../support/fake-s3';

const sweep: Cause = { kind: 'sweep' };
const stopped: Cause = { kind: 'instance stopped', eventTime: 't1' };

function running(gate: 'OPEN' | 'CLOSING' | 'CLOSED' = 'OPEN'): FakeAccount {
  const account = new FakeAccount();
  account.state = 'running';
  account.setGate(gate);
  return account;
}

/** Admits a job just before the call takes effect. */
function admitJobAt(account: FakeAccount, call: { command: string; key: string; nth: number }): void {
  account.s3.fault({ ...call, run: () => account.openJob('late.csv') });
}

describe('settle, behind the delete markers of 10,000 ended jobs', () => {
  function afterManyJobs(): FakeAccount {
    const account = running();
    for (let index = 0; index < 10_000; index += 1) {
      const key = openKey(index.toString(16).padStart(64, '0'));
      account.s3.put('control', key, '{}');
      account.s3.delete('control', key);
    }
    return account;
  }

  it('finds the one open job, with one request for each 1,000 of them', async () => {
    const account = afterManyJobs();
    account.openJob('a.csv');
    expect(await settle(account.context, { kind: 'drain ended', commandId: 'c' })).toMatchObject({
      did: 'woke',
    });
    expect(account.s3.callsOf('ListObjectsV2', 'open/').length).toBeLessThanOrEqual(22);
  });

  it('stops the instance, although the first pages are empty', async () => {
    const account = afterManyJobs();
    expect(await settle(account.context, stopped)).toEqual({ did: 'stopped' });
    expect(account.s3.callsOf('ListObjectsV2', 'open/').length).toBeLessThanOrEqual(40);
  });
});

describe('settle, with nothing open', () => {
  it.each(['OPEN', 'CLOSED'] as const)('stops a running instance behind a gate that is %s', async (gate) => {
    const account = running(gate);
    expect(await settle(account.context, sweep)).toEqual({ did: 'stopped' });
    expect(account.count('StopInstances')).toBe(1);
    expect(account.gate()?.state).toBe('CLOSED');
  });

  it('stops a newly deployed instance that has no gate yet', async () => {
    const account = new FakeAccount();
    account.state = 'running';
    expect(await settle(account.context, sweep)).toEqual({ did: 'stopped' });
  });

  it('writes and stops nothing if the gate is CLOSED and the instance is stopped', async () => {
    const account = running('CLOSED');
    account.state = 'stopped';
    expect(await settle(account.context, stopped)).toEqual({ did: 'nothing' });
    expect(account.count('StopInstances')).toBe(0);
    expect(account.s3.callsOf('PutObject')).toEqual([]);
    expect(account.tags.get('lamplighter:phase')).toBe('stopped');
  });

  it('writes CLOSING, lists again, and only then stops', async () => {
    const account = running();
    await settle(account.context, stopped);
    const steps = account.s3.calls
      .filter(({ key }) => key === 'gate.json' || key === 'open/')
      .map(({ command }) => command);
    expect(steps).toEqual([
      'ListObjectsV2',
      'GetObject',
      'ListObjectsV2',
      'PutObject',
      'ListObjectsV2',
      'PutObject',
      'ListObjectsV2',
    ]);
  });

  it('does not stop the instance if a job was admitted during the closing', async () => {
    const account = running();
    admitJobAt(account, { command: 'ListObjectsV2', key: 'open/', nth: 3 });
    expect(await settle(account.context, stopped)).toEqual({ did: 'woke', wake: 'woken' });
    expect(account.count('StopInstances')).toBe(0);
    expect(account.gate()?.state).toBe('OPEN');
  });

  it('keeps the gate closed for a job that arrived during an earlier stop, which would kill its model', async () => {
    const account = running('CLOSED');
    account.state = 'stopping';
    admitJobAt(account, { command: 'ListObjectsV2', key: 'open/', nth: 3 });
    expect(await settle(account.context, stopped)).toEqual({ did: 'woke', wake: 'stopping' });
    expect(account.gate()?.state).toBe('CLOSED');
  });

  it('wakes for a job that was admitted after the StopInstances call', async () => {
    const account = running();
    account.meanwhile.set('StopInstances', () => account.openJob('late.csv'));
    expect(await settle(account.context, stopped)).toEqual({ did: 'woke', wake: 'stopping' });
    // A drain may still be alive on the stopping machine. It must not begin the job.
    expect(account.gate()?.state).toBe('CLOSED');
  });

  it('does not stop a held instance, and ends an abandoned closing', async () => {
    const account = running('OPEN');
    account.tags.set('lamplighter:hold', 'ada: looking at it');
    expect(await settle(account.context, sweep)).toEqual({ did: 'held' });

    account.setGate('CLOSING', 1_000);
    expect(await settle(account.context, sweep)).toEqual({ did: 'held' });
    expect(account.gate()?.state).toBe('CLOSED');
    expect(account.count('StopInstances')).toBe(0);
  });

  it('opens the gate again when EC2 certainly refused the stop', async () => {
    const account = running();
    account.failures.set('StopInstances', [FakeS3.error('IncorrectInstanceState', 400)]);
    expect(await settle(account.context, sweep)).toEqual({ did: 'nothing' });
    expect(account.gate()?.state).toBe('OPEN');
  });

  it('wakes for a job that was admitted during the closing, also when EC2 refused the stop', async () => {
    const account = running();
    account.failures.set('StopInstances', [FakeS3.error('IncorrectInstanceState', 400)]);
    admitJobAt(account, { command: 'PutObject', key: 'gate.json', nth: 2 });
    expect(await settle(account.context, sweep)).toEqual({ did: 'woke', wake: 'woken' });
    expect(account.gate()?.state).toBe('OPEN');
  });

  it('wakes for a job that was admitted during an abandoned closing, also when people hold the instance', async () => {
    const account = running('CLOSING');
    account.setGate('CLOSING', 1_000);
    account.tags.set('lamplighter:hold', 'ada');
    admitJobAt(account, { command: 'PutObject', key: 'gate.json', nth: 2 });
    expect(await settle(account.context, sweep)).toEqual({ did: 'woke', wake: 'woken' });
    expect(account.gate()?.state).toBe('OPEN');
  });

  it('leaves the gate CLOSING when the stop’s answer is lost: the stop may still take effect', async () => {
    const account = running();
    account.failures.set('StopInstances', [FakeS3.error('TimeoutError', 0)]);
    await expect(settle(account.context, sweep)).rejects.toThrow('TimeoutError');
    expect(account.gate()?.state).toBe('CLOSING');
  });

  it('throws the error of a failed audit after it has settled the gate, so that the platform retries', async () => {
    const account = running();
    account.s3.fault({ command: 'ListObjectVersions', error: FakeS3.error('SlowDown', 503) });
    await expect(settle(account.context, sweep)).rejects.toThrow('SlowDown');
    expect(account.state).toBe('stopping');
    expect(account.gate()?.state).toBe('CLOSED');
  });

  it('throws after it has settled the gate if the audit of one upload failed', async () => {
    const account = running();
    account.s3.put('data', 'a.csv', 'x');
    account.s3.fault({ command: 'HeadObject', error: FakeS3.error('SlowDown', 503) });
    await expect(settle(account.context, sweep)).rejects.toThrow('1 uploads could not be audited');
    expect(account.state).toBe('stopping');
  });

  it('leaves the gate to another function that moved it first', async () => {
    const account = running();
    account.s3.fault({ command: 'PutObject', key: 'gate.json', run: () => account.setGate('OPEN', 5) });
    expect(await settle(account.context, sweep)).toEqual({ did: 'left to another' });
    expect(account.count('StopInstances')).toBe(0);
  });
});

describe('settle, with a gate that another function is closing', () => {
  it.each(['with', 'without'])('never takes over a live closing, %s jobs open', async (jobs) => {
    const account = running();
    account.setGate('CLOSING', 149);
    if (jobs === 'with') account.openJob('a.csv');
    expect(await settle(account.context, sweep)).toEqual({ did: 'left to another' });
    expect(account.gate()?.state).toBe('CLOSING');
  });

  it('takes over an abandoned closing and stops the instance', async () => {
    const account = running();
    account.setGate('CLOSING', 151);
    expect(await settle(account.context, sweep)).toEqual({ did: 'stopped' });
  });

  it('takes over an abandoned closing with jobs open, which would otherwise never run', async () => {
    const account = running();
    account.setGate('CLOSING', 151);
    account.openJob('a.csv');
    expect(await settle(account.context, sweep)).toEqual({ did: 'woke', wake: 'woken' });
    expect(account.gate()?.state).toBe('OPEN');
  });
});

describe('settle, with jobs', () => {
  it('leaves a start that EC2 has undone to the sweep, and tells people', async () => {
    const account = running();
    account.openJob('a.csv');
    account.state = 'stopped';
    const Code = 'Server.InsufficientInstanceCapacity';
    account.stateReason = { Code, Message: 'no capacity' };
    const eventTime = new Date(account.clock.now() + 20_000).toISOString();
    const values: string[] = [];
    const context = { ...account.context, metrics: (name: string) => void values.push(name) };
    const undone = { kind: 'instance stopped' as const, eventTime };
    expect(await settle(context, undone)).toEqual({ did: 'woke', wake: 'no capacity' });
    expect(account.count('StartInstances')).toBe(0);
    expect(values).toEqual(['StartsRefused']);
    expect(JSON.parse(account.s3.text('control', 'capacity.json') ?? '')).toMatchObject({ code: Code });
    expect(await settle(context, sweep)).toEqual({ did: 'woke', wake: 'woken' });
  });

  it('starts an instance at once that EC2 has stopped long after its start', async () => {
    const account = running();
    account.openJob('a.csv');
    account.state = 'stopped';
    account.stateReason = { Code: 'Server.InternalError', Message: 'the host failed' };
    const eventTime = new Date(account.clock.now() + 600_000).toISOString();
    const cause = { kind: 'instance stopped' as const, eventTime };
    expect(await settle(account.context, cause)).toEqual({ did: 'woke', wake: 'woken' });
  });

  it('makes no call to EC2 after a receipt while other jobs are open: the drain continues', async () => {
    const account = running();
    const [done] = [account.openJob('a.csv'), account.openJob('b.csv')];
    account.writeReceipt(done);
    expect(await settle(account.context, { kind: 'receipt', jobIds: [done.jobId] })).toEqual({
      did: 'nothing',
    });
    expect(account.calls).toEqual([]);
  });

  it('checks at most 100 receipts, so that it ends in time with any number of open jobs', async () => {
    const account = running();
    for (let index = 0; index < 300; index += 1) account.openJob(`${index}.csv`);
    expect(await settle(account.context, stopped)).toEqual({ did: 'woke', wake: 'woken' });
    expect(account.s3.callsOf('HeadObject')).toHaveLength(100);
  });

  it('wakes for the other jobs although S3 refuses one record, else five good jobs would sleep', async () => {
    const account = running();
    const [refused, done] = [
      account.openJob('refused.csv'),
      account.openJob('done.csv'),
      account.openJob('b.csv'),
    ];
    account.writeReceipt(done);
    const error = FakeS3.error('AccessDenied', 403);
    account.s3.fault({ command: 'GetObject', key: openKey(refused.jobId), error });
    expect(await settle(account.context, sweep)).toEqual({ did: 'woke', wake: 'woken' });
    expect(account.s3.text('control', openKey(done.jobId))).toBeUndefined();
    expect(account.log.lines).toContainEqual({
      level: 'error',
      fact: 'a job counts as open: its records cannot be read',
      details: { jobId: refused.jobId, error: 'AccessDenied' },
    });
  });

  it('does not stop the instance while S3 refuses a record', async () => {
    const account = running();
    const { jobId } = account.openJob('a.csv');
    const error = FakeS3.error('AccessDenied', 403);
    account.s3.fault({ command: 'GetObject', key: openKey(jobId), times: 2, error });
    for (const cause of [stopped, sweep])
      expect(await settle(account.context, cause)).toMatchObject({ did: 'woke' });
    expect(account.count('StopInstances')).toBe(0);
  });

  it('leaves time to settle the gate when S3 is slow and many jobs are open', async () => {
    const account = running();
    for (let index = 0; index < 20; index += 1) account.openJob(`${index}.csv`);
    account.s3.fault({ command: 'HeadObject', times: 2, run: () => account.clock.sleep(20_000) });
    expect(await settle(account.context, stopped)).toEqual({ did: 'woke', wake: 'woken' });
    expect(account.s3.callsOf('HeadObject')).toHaveLength(2);
  });

  it('wakes while a job is open', async () => {
    const account = running();
    account.openJob('a.csv');
    expect(await settle(account.context, stopped)).toEqual({ did: 'woke', wake: 'woken' });
    expect(account.count('StopInstances')).toBe(0);
  });

  it.each(['OPEN', 'CLOSED'] as const)(
    'deletes the open record of the receipt’s job, and stops only behind a gate that is not OPEN: %s',
    async (gate) => {
      const account = running(gate);
      const job = account.openJob('a.csv');
      account.writeReceipt(job);
      const did = gate === 'OPEN' ? 'nothing' : 'stopped';
      expect(await settle(account.context, { kind: 'receipt', jobIds: [job.jobId] })).toEqual({ did });
      expect(account.s3.text('control', openKey(job.jobId))).toBeUndefined();
      expect(account.count('StopInstances')).toBe(gate === 'OPEN' ? 0 : 1);
    },
  );

  it('deletes no open record without a receipt, although an event names the job', async () => {
    const account = running();
    const job = account.openJob('a.csv');
    await settle(account.context, { kind: 'receipt', jobIds: [job.jobId] });
    expect(account.s3.text('control', openKey(job.jobId))).toBeDefined();
  });

  it('checks the receipt of every open job in a sweep', async () => {
    const account = running();
    for (const key of ['a.csv', 'b.csv']) account.writeReceipt(account.openJob(key));
    expect(await settle(account.context, sweep)).toEqual({ did: 'stopped' });
  });

  it('wakes for an unreadable open record, which the drain deletes', async () => {
    const account = running();
    account.s3.put('control', openKey('a'.repeat(64)), 'garbage');
    expect(await settle(account.context, sweep)).toEqual({ did: 'woke', wake: 'woken' });
  });

  it('does not keep the instance on for another object below open/', async () => {
    const account = running();
    account.s3.put('control', 'open/note.txt', 'hello');
    expect(await settle(account.context, sweep)).toEqual({ did: 'stopped' });
  });
});

describe('settle, with records of a newer release', () => {
  const JOB = 'a'.repeat(64);
  const MINUTE = 60_000;

  function withNewerJob(ageMinutes: number): FakeAccount {
    const account = running();
    account.s3.put('control', openKey(JOB), JSON.stringify({ version: 2, jobId: JOB }));
    void account.clock.sleep(ageMinutes * MINUTE);
    return account;
  }

  it('keeps the instance on for such a job for an hour, so that a deploy under way can run it', async () => {
    expect(await settle(withNewerJob(59).context, sweep)).toEqual({ did: 'woke', wake: 'woken' });
  });

  it('stops the instance after an hour, which would otherwise stay on for ever, and keeps the record', async () => {
    const account = withNewerJob(61);
    expect(await settle(account.context, sweep)).toEqual({ did: 'stopped' });
    expect(account.s3.text('control', openKey(JOB))).toBeDefined();
  });

  it('never stops the instance while a newer drain runs such a job, also if it began during the closing', async () => {
    const account = withNewerJob(61);
    const claim = () =>
      void account.s3.put('control', claimKey(JOB), JSON.stringify({ version: 2, jobId: JOB }));
    account.s3.fault({ command: 'PutObject', key: 'gate.json', run: claim });
    expect(await settle(account.context, sweep)).toMatchObject({ did: 'woke' });
    expect(account.count('StopInstances')).toBe(0);
    expect(account.gate()?.state).toBe('OPEN');
    expect(await settle(account.context, sweep)).toMatchObject({ did: 'woke' });
  });

  it('neither changes a newer gate nor starts the instance behind it', async () => {
    const account = new FakeAccount();
    const newer = JSON.stringify({ version: 2, state: 'OPEN' });
    account.s3.put('control', 'gate.json', newer);
    account.openJob('a.csv');
    await expect(settle(account.context, sweep)).rejects.toThrow(
      /gate\.json .* deploy the newer release again/,
    );
    account.state = 'running';
    await expect(settle(account.context, sweep)).rejects.toThrow(RetryLaterError);
    expect(account.s3.text('control', 'gate.json')).toBe(newer);
    expect(account.calls).not.toContain('StartInstances');
  });
});

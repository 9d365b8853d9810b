import { trigger } from '../../../handlers/trigger';
import { claimKey, jobIdOf, openKey, receiptKey } from '../../../lifecycle/job';
import { FakeAccount } from '../../support/fake-account';
import { FakeS3 } from '../../support/fake-s3';

const record = (key: string, versionId: string | undefined = 'v1') => ({
  eventTime: '2026-01-01T00:00:00.000Z',
  s3: { bucket: { name: 'data' }, object: { key, size: 3, versionId } },
});
const isOpen = (account: FakeAccount, key: string) =>
  account.s3.text('control', openKey(jobIdOf({ bucket: 'data', key, versionId: 'v1' }))) !== undefined;

describe('trigger', () => {
  it.each([
    ['red+flower%2B1.csv', 'red flower+1.csv'],
    ['%24%28rm+-rf+~%29%3B%27%22.csv', `$(rm -rf ~);'".csv`],
    ['..%2F..%2Fx%0Ay.csv', '../../x\ny.csv'],
    ['%E4%BD%A0%F0%9F%8C%B8.csv', '你🌸.csv'],
  ])('admits the decoded key, not its form in the event: %s', async (eventKey, key) => {
    const account = new FakeAccount();
    await trigger({ Records: [record(eventKey)] }, account.context);
    expect(isOpen(account, key)).toBe(true);
    expect(account.count('StartInstances')).toBe(1);
  });

  it('admits all of several records and wakes once', async () => {
    const account = new FakeAccount();
    await trigger({ Records: [record('a.csv'), record('b.csv'), record('c.csv')] }, account.context);
    expect(account.s3.callsOf('PutObject', /^open\//)).toHaveLength(3);
    expect(account.count('StartInstances')).toBe(1);
  });

  it('admits and wakes for the valid records of an event, then fails for the invalid ones', async () => {
    const account = new FakeAccount();
    const event = { Records: [record('%FF.csv'), record('good.csv')] };
    await expect(trigger(event, account.context)).rejects.toThrow('form-encoded');
    expect(isOpen(account, 'good.csv')).toBe(true);
    expect(account.count('StartInstances')).toBe(1);
  });

  describe('of an upload that S3 stored before the new bucket’s versioning took effect', () => {
    const unversioned = (eventTime: string) => {
      const { s3 } = record('first.csv');
      return { Records: [{ eventTime, s3: { ...s3, object: { ...s3.object, versionId: undefined } } }] };
    };
    const first = unversioned('2026-01-01T00:00:00.000Z');
    const job = jobIdOf({ bucket: 'data', key: 'first.csv', versionId: 'null' });

    it('admits it, under the version by which the audit finds it', async () => {
      const account = new FakeAccount();
      await trigger(first, account.context);
      await trigger(first, account.context);
      expect(account.s3.callsOf('PutObject', openKey(job))).toHaveLength(2);
      expect(account.s3.text('control', openKey(job))).toContain('"versionId":"null"');
    });

    it.each(['open', 'done'])(
      'fails for a second upload under the key, which replaced the first: %s',
      async (is) => {
        const account = new FakeAccount();
        await trigger(first, account.context);
        if (is === 'done') {
          account.s3.put('output', receiptKey('first.csv', job), account.s3.text('control', openKey(job))!);
        }
        const second = unversioned('2026-01-01T00:05:00.000Z');
        await expect(trigger(second, account.context)).rejects.toThrow(
          'not versioned: the upload of "first.csv"',
        );
      },
    );
  });

  it('does not lose the other uploads when S3 fails for one', async () => {
    const account = new FakeAccount();
    account.s3.fault({ command: 'PutObject', error: FakeS3.error('SlowDown', 503) });
    await expect(trigger({ Records: [record('a.csv'), record('b.csv')] }, account.context)).rejects.toThrow(
      'SlowDown',
    );
    expect(isOpen(account, 'b.csv')).toBe(true);
  });

  const upload = (account: FakeAccount, key: string, by: string) =>
    trigger({ Records: [record(key)] }, { ...account.context, by });

  it('calls EC2 once for uploads that arrive in a burst, before and after the start', async () => {
    const account = new FakeAccount();
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => upload(account, `${index}.csv`, `trigger ${index}`)),
    );
    expect(account.count('DescribeInstances')).toBe(1);
    expect(account.count('StartInstances')).toBe(1);
    expect(account.count('Invoke')).toBe(1);
    account.state = 'running';
    await account.clock.sleep(119_000);
    await upload(account, 'late.csv', 'trigger late');
    expect(account.count('StartInstances')).toBe(1);
    expect(isOpen(account, 'late.csv')).toBe(true);
  });

  it('calls EC2 again when the start of another is two minutes old and no drain has a claim', async () => {
    const account = new FakeAccount();
    await upload(account, 'a.csv', 'trigger 1');
    await account.clock.sleep(121_000);
    const live = { version: 1, jobId: 'c'.repeat(64), attempt: 1, bootId: 'b', drainId: 'd', nonce: 'n' };
    const time = new Date(account.clock.now()).toISOString();
    account.s3.put(
      'control',
      claimKey(live.jobId),
      JSON.stringify({ ...live, claimedAt: time, leaseUntil: time }),
    );
    await upload(account, 'b.csv', 'trigger 2');
    expect(account.count('StartInstances')).toBe(1);
    account.s3.delete('control', claimKey(live.jobId));
    await upload(account, 'c.csv', 'trigger 3');
    expect(account.count('StartInstances')).toBe(2);
  });

  it('calls EC2 again when the gate has closed since the start of another: its drain has ended', async () => {
    const account = new FakeAccount();
    await upload(account, 'a.csv', 'trigger 1');
    account.setGate('CLOSED');
    await upload(account, 'b.csv', 'trigger 2');
    expect(account.count('StartInstances')).toBe(2);
  });

  it('calls EC2 again when Lambda repeats the trigger whose start failed', async () => {
    const account = new FakeAccount();
    account.failures.set('StartInstances', [FakeS3.error('InternalError', 500)]);
    await expect(upload(account, 'a.csv', 'trigger 1')).rejects.toThrow('InternalError');
    await upload(account, 'b.csv', 'trigger 2');
    expect(account.count('StartInstances')).toBe(1);
    await upload(account, 'a.csv', 'trigger 1');
    expect(account.count('StartInstances')).toBe(2);
    expect(account.count('Invoke')).toBe(1);
  });

  it('leaves a closing gate to its closer, and reads the instance once for all uploads', async () => {
    const account = new FakeAccount();
    account.setGate('CLOSING');
    await upload(account, 'a.csv', 'trigger 1');
    await upload(account, 'b.csv', 'trigger 2');
    expect(account.calls).toEqual(['DescribeInstances']);
  });

  it('does not fail when EC2 throttles the account: the job is admitted, and the sweep wakes', async () => {
    const account = new FakeAccount();
    account.failures.set('DescribeInstances', [FakeS3.error('RequestLimitExceeded', 503)]);
    await upload(account, 'a.csv', 'trigger 1');
    expect(isOpen(account, 'a.csv')).toBe(true);
    expect(account.log.lines.some(({ level }) => level === 'warn')).toBe(true);
  });

  it.each([
    { Service: 'Amazon S3', Event: 's3:TestEvent' },
    { Records: [] },
    { Records: [record('folder/')] },
  ])('wakes nothing for an event without work: %j', async (event) => {
    const account = new FakeAccount();
    await trigger(event, account.context);
    expect(account.calls).toEqual([]);
  });

  it('names the event that it does not support', async () => {
    await expect(trigger({ hello: 'world' }, new FakeAccount().context)).rejects.toThrow('{"hello":"world"}');
    await expect(trigger(undefined, new FakeAccount().context)).rejects.toThrow('does not support');
  });
});

import { trigger } from '../../../handlers/trigger';
import { jobIdOf, openKey, receiptKey } from '../../../lifecycle/job';
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

import { readPause, writePause } from '../../../lifecycle/orders';
import { settle } from '../../../lifecycle/settle';
import { FakeAccount } from '../../support/fake-account';
import { FakeS3 } from '../../support/fake-s3';

const sweep = { kind: 'sweep' as const };
const PAUSE = 'lamplighter:pause';

describe('a pause that people set or end by the tag alone', () => {
  it('is in the orders after the next sweep', async () => {
    const account = new FakeAccount();
    account.tags.set(PAUSE, 'ada');
    await settle(account.context, sweep);
    expect(await readPause(account.control)).toBe('ada');
    await account.clock.sleep(300_000);
    account.tags.delete(PAUSE);
    account.openJob('a.csv');
    expect(await settle(account.context, sweep)).toEqual({ did: 'woke', wake: 'woken' });
    expect(await readPause(account.control)).toBeUndefined();
  });

  it('does not undo orders of the last minute, whose tag EC2 may not show yet', async () => {
    const account = new FakeAccount();
    await writePause(account.context, 'ada');
    await account.clock.sleep(50_000);
    account.openJob('a.csv');
    expect(await settle(account.context, sweep)).toEqual({ did: 'woke', wake: 'paused' });
    await writePause(account.context, undefined);
    account.tags.set(PAUSE, 'a tag of before');
    await settle(account.context, sweep);
    expect(await readPause(account.control)).toBeUndefined();
  });

  it('stays as it is if EC2 does not answer, and the sweep goes on', async () => {
    const account = new FakeAccount();
    await writePause(account.context, 'ada');
    account.failures.set('DescribeInstances', [FakeS3.error('RequestLimitExceeded', 503)]);
    await settle(account.context, sweep);
    expect(await readPause(account.control)).toBe('ada');
  });
});

it('two writers of the orders do not lose an order', async () => {
  const account = new FakeAccount();
  await Promise.all([writePause(account.context, 'ada'), writePause(account.context, 'ada, too')]);
  expect(await readPause(account.control)).toMatch(/^ada/);
});

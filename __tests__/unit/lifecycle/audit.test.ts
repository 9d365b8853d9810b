import { auditPage } from '../../../lifecycle/audit';
import { jobIdOf, openKey, receiptKey } from '../../../lifecycle/job';
import { FakeAccount } from '../../support/fake-account';
import { FakeS3 } from '../../support/fake-s3';

const hour = 3_600_000;

function uploaded(account: FakeAccount, key: string) {
  const { versionId } = account.s3.put('data', key, 'x');
  return { bucket: 'data', key, versionId, jobId: jobIdOf({ bucket: 'data', key, versionId }) };
}

describe('auditPage', () => {
  it('admits the upload whose event was lost, and only that', async () => {
    const account = new FakeAccount();
    const lost = uploaded(account, 'lost ünd+found.csv');
    const done = uploaded(account, 'done.csv');
    account.s3.put('output', receiptKey(done.key, done.jobId), '{}');
    uploaded(account, 'folder/');
    expect(await auditPage(account.context)).toEqual({ checked: 3, admitted: 1, failed: 0 });
    expect(account.s3.text('control', openKey(lost.jobId))).toContain('"admittedBy":"audit"');
    expect(account.s3.text('control', openKey(done.jobId))).toBeUndefined();
  });

  it('admits every version of a key, as the events would have', async () => {
    const account = new FakeAccount();
    const versions = [uploaded(account, 'a.csv'), uploaded(account, 'a.csv')];
    await auditPage(account.context);
    for (const { jobId } of versions) expect(account.s3.text('control', openKey(jobId))).toBeDefined();
  });

  it('has the same cost per sweep for any size of bucket, and covers the bucket in several sweeps', async () => {
    const account = new FakeAccount();
    for (let index = 0; index < 250; index += 1) uploaded(account, `${1_000 + index}.csv`);
    const admitted = [];
    for (let sweep = 0; sweep < 3; sweep += 1) admitted.push((await auditPage(account.context)).admitted);
    expect(admitted).toEqual([100, 100, 50]);
  });

  it('checks a known version again only in the daily full pass', async () => {
    const account = new FakeAccount();
    uploaded(account, 'old.csv');
    await account.clock.sleep(25 * hour);
    await auditPage(account.context);
    await auditPage(account.context);
    uploaded(account, 'new.csv');
    expect((await auditPage(account.context)).checked).toBe(1);
    await account.clock.sleep(25 * hour);
    await auditPage(account.context);
    expect((await auditPage(account.context)).checked).toBe(2);
  });

  it('continues after an upload that fails, and retries that upload', async () => {
    const account = new FakeAccount();
    uploaded(account, 'a.csv');
    uploaded(account, 'b.csv');
    account.s3.fault({ command: 'HeadObject', error: FakeS3.error('SlowDown', 503) });
    expect(await auditPage(account.context)).toEqual({ checked: 2, admitted: 1, failed: 1 });
    expect(await auditPage(account.context)).toEqual({ checked: 2, admitted: 1, failed: 0 });
  });

  it('leaves time to settle the gate when S3 is slow, and continues in the next sweep', async () => {
    const account = new FakeAccount();
    for (let index = 0; index < 5; index += 1) uploaded(account, `${index}.csv`);
    account.s3.fault({ command: 'HeadObject', times: 3, run: () => account.clock.sleep(20_000) });
    expect((await auditPage(account.context)).checked).toBe(2);
    expect((await auditPage(account.context)).checked).toBe(3);
  });

  it('skips a key that it cannot decode, which would otherwise hold up the audit for ever', async () => {
    const account = new FakeAccount();
    uploaded(account, 'a.csv');
    uploaded(account, 'b.csv');
    const { send } = account.s3.client;
    account.s3.client.send = (async (command: never) => {
      const answer = (await send(command)) as { Versions?: { Key: string }[] };
      return {
        ...answer,
        Versions: answer.Versions?.map((each) => (each.Key === 'a.csv' ? { ...each, Key: '%FF' } : each)),
      };
    }) as typeof send;
    expect(await auditPage(account.context)).toEqual({ checked: 1, admitted: 1, failed: 0 });
    expect(account.log.lines).toContainEqual(
      expect.objectContaining({ level: 'error', details: expect.objectContaining({ key: '%FF' }) as object }),
    );
    expect(account.s3.text('control', 'audit.json')).toContain('checkedBefore');
  });

  it('leaves the cursor of a newer release alone', async () => {
    const account = new FakeAccount();
    uploaded(account, 'a.csv');
    const newer = JSON.stringify({ version: 2, page: 7 });
    account.s3.put('control', 'audit.json', newer);
    expect(await auditPage(account.context)).toEqual({ checked: 0, admitted: 0, failed: 0 });
    expect(account.s3.text('control', 'audit.json')).toBe(newer);
    expect(account.log.lines.map(({ level }) => level)).toEqual(['error']);
  });

  it('starts a new pass when its cursor is garbage', async () => {
    const account = new FakeAccount();
    uploaded(account, 'a.csv');
    account.s3.put('control', 'audit.json', 'garbage');
    expect((await auditPage(account.context)).admitted).toBe(1);
  });
});

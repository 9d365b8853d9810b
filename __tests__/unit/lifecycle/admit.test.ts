import { admit } from '../../../lifecycle/admit';
import { jobIdOf, openKey, receiptKey } from '../../../lifecycle/job';
import { modelFor, type DeployedModel } from '../../../lifecycle/model';
import { openRecordSchema } from '../../../lifecycle/records';
import { FakeAccount } from '../../support/fake-account';

const upload = { bucket: 'data', key: 'a b.csv', versionId: 'v', sizeBytes: 3 };
const jobId = jobIdOf(upload);

describe('admit', () => {
  it('pins the model, so that a later deploy does not change the job', async () => {
    const account = new FakeAccount();
    expect(await admit(account.context, upload, 'event')).toBe('admitted');
    const stored = await account.control.get(openKey(jobId), openRecordSchema);
    expect(stored?.record).toMatchObject({ jobId, input: upload, model: { name: 'm', zipVersionId: 'v1' } });
  });

  it('pins the bounds of the card, so that a machine without the card on its disk keeps them', async () => {
    const account = new FakeAccount();
    const bounds = { maxAttempts: 5, maxInterruptions: 3 };
    const context = { ...account.context, models: account.models.map((model) => ({ ...model, ...bounds })) };
    await admit(context, upload, 'event');
    const stored = await account.control.get(openKey(jobId), openRecordSchema);
    expect(stored?.metadata).toEqual({ 'max-attempts': '5', 'max-interruptions': '3' });
    expect(stored?.record.model).not.toHaveProperty('maxAttempts');
  });

  it('pins no bound that the card leaves at its default', async () => {
    const account = new FakeAccount();
    await admit(account.context, upload, 'event');
    expect((await account.control.get(openKey(jobId), openRecordSchema))?.metadata).toEqual({});
  });

  it('makes no second job of a duplicate event', async () => {
    const account = new FakeAccount();
    await admit(account.context, upload, 'event');
    const before = account.s3.text('control', openKey(jobId));
    expect(await admit(account.context, upload, 'event')).toBe('open');
    expect(account.s3.text('control', openKey(jobId))).toBe(before);
  });

  it('does not reopen a finished job when its event is late', async () => {
    const account = new FakeAccount();
    account.s3.put('output', receiptKey(upload.key, jobId), '{}');
    expect(await admit(account.context, upload, 'event')).toBe('done');
    expect(account.s3.text('control', openKey(jobId))).toBeUndefined();
  });

  it.each(['folder/', 'folder/a.csv/', 'a.txt'])('ignores %s: no model accepts it', async (key) => {
    expect(await admit(new FakeAccount().context, { ...upload, key }, 'event')).toBe('not taken');
  });
});

describe('modelFor', () => {
  const model = (name: string, prefix: string, suffixes: string[] = []): DeployedModel => ({
    name,
    prefix,
    suffixes,
    digest: 'd',
    zipKey: 'z',
    zipVersionId: 'v',
  });

  it('prefers the model with the longest matching prefix', () => {
    const models = [model('all', ''), model('scans', 'scans/'), model('mri', 'scans/mri/', ['.dcm'])];
    expect(modelFor({ key: 'scans/mri/1.dcm' }, models)?.name).toBe('mri');
    expect(modelFor({ key: 'scans/mri/1.png' }, models)?.name).toBe('scans');
    expect(modelFor({ key: 'x' }, models)?.name).toBe('all');
  });

  it('accepts suffixes in upper case, as cameras and spreadsheets write them', () => {
    expect(modelFor({ key: 'SCAN.CSV' }, [model('m', '', ['.csv'])])?.name).toBe('m');
  });
});

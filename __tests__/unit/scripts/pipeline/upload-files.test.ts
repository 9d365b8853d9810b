import { chmodSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DeployedModel } from '../../../../lifecycle/model';
import { InterruptedError } from '../../../../scripts/console/exit';
import { planUploads, prefixFor, takenKeys, upload } from '../../../../scripts/pipeline/upload-files';
import { FakeS3 } from '../../../support/fake-s3';
import { temporaryFolder } from '../stand-ins';

function model(name: string, prefix: string, ...suffixes: string[]): DeployedModel {
  return { name, prefix, suffixes, digest: 'a'.repeat(64), zipKey: 'z', zipVersionId: 'v' };
}

describe('files to submit', () => {
  const folder = temporaryFolder();
  const models = [model('csv-model', '', '.csv'), model('scans', 'scans/', '.dcm', '.png')];
  beforeAll(() => {
    writeFileSync(join(folder.path, 'a b.csv'), 'x,y\n');
    writeFileSync(join(folder.path, 'empty.csv'), '');
    writeFileSync(join(folder.path, 'scan.png'), 'png');
    writeFileSync(join(folder.path, 'huge.csv'), '');
    truncateSync(join(folder.path, 'huge.csv'), 5 * 1024 ** 4 + 1);
    for (const path of ['sub/deep/one.CSV', 'sub/two.csv', 'sub/.hidden/no.csv', 'sub/notes.txt']) {
      mkdirSync(dirname(join(folder.path, path)), { recursive: true });
      writeFileSync(join(folder.path, path), 'x');
    }
    mkdirSync(join(folder.path, 'hollow'));
  });
  afterAll(() => folder.remove());

  const plan = (files: string[], prefix = '') => planUploads(files, prefix, models, { from: folder.path });

  it('get the prefix and their own name as key, and the model that accepts it', () => {
    expect(plan(['a b.csv'])).toEqual([
      { file: join(folder.path, 'a b.csv'), key: 'a b.csv', sizeBytes: 4, model: 'csv-model' },
    ]);
    expect(plan(['scan.png'], 'scans/')).toMatchObject([{ key: 'scans/scan.png', model: 'scans' }]);
  });

  it('are all refused when one cannot be submitted, and every reason is printed', () => {
    expect(() =>
      plan(['a b.csv', 'gone.csv', 'empty.csv', 'scan.png', '/dev/null', 'huge.csv', './a b.csv']),
    ).toThrow(
      [
        'Nothing was uploaded, for these reasons:',
        'gone.csv: there is no such file',
        'empty.csv: it is empty',
        'scan.png: no model accepts the key "scan.png"; accepted keys: "….csv" (csv-model); "scans/….dcm", "scans/….png" (scans); add --prefix scans/',
        '/dev/null: it is not a regular file',
        'huge.csv: it is larger than the 5 TB that one upload may hold',
        './a b.csv: its key "a b.csv" is also the key of a b.csv',
      ].join('\n  '),
    );
  });

  it('are refused when the key would be longer than S3 allows, in bytes', () => {
    expect(() => plan(['a b.csv'], 'é'.repeat(510))).toThrow('its key would be longer than 1,024 bytes');
    expect(plan(['a b.csv'], 'é'.repeat(508))).toHaveLength(1);
  });

  it('may have a prefix each, and are still refused all at once', () => {
    const prefix = (fileName: string) => prefixFor(fileName, models) ?? '';
    expect(planUploads(['a b.csv', 'scan.png'], prefix, models, { from: folder.path })).toMatchObject([
      { key: 'a b.csv' },
      { key: 'scans/scan.png' },
    ]);
    expect(() => planUploads(['gone.csv', 'empty.csv'], prefix, models, { from: folder.path })).toThrow(
      /gone\.csv: there is no such file\n {2}empty\.csv: it is empty/,
    );
  });

  it('of any ending are accepted by a model without suffixes', () => {
    expect(takenKeys([model('all', 'in/')])).toBe('"in/…" (all)');
  });

  it('of a folder keep their paths below it; hidden files are left out, and files that no model accepts are skipped and reported', () => {
    const skipped: string[] = [];
    const onSkipped = (name: string) => void skipped.push(name);
    const planned = planUploads(['sub'], 'p/', models, { from: folder.path, onSkipped });
    expect(planned.map(({ key }) => key)).toEqual(['p/deep/one.CSV', 'p/two.csv']);
    expect(skipped).toEqual(['sub/notes.txt']);
    expect(() => plan(['hollow'])).toThrow('there is no file to upload in hollow; accepted keys: "….csv"');
  });

  it('for one model get its prefix, and are refused if the model does not accept them', () => {
    const from = folder.path;
    expect(planUploads(['scan.png'], '', models, { from, model: 'scans' })).toMatchObject([
      { key: 'scans/scan.png', model: 'scans' },
    ]);
    expect(() => planUploads(['a b.csv'], 'x/', models, { from, model: 'scans' })).toThrow(
      'the key "x/a b.csv" is accepted by csv-model; scans accepts "scans/….dcm"',
    );
    expect(() => planUploads(['a b.csv'], '', models, { from, model: 'nobody' })).toThrow(
      'no model "nobody"; it has: csv-model, scans.',
    );
  });

  // The user root can read every file.
  (process.getuid?.() === 0 ? it.skip : it)(
    'that are not readable are named before anything is uploaded',
    () => {
      const path = join(folder.path, 'secret.csv');
      writeFileSync(path, 'x', { mode: 0 });
      expect(() => plan(['secret.csv'])).toThrow('secret.csv: you are not allowed to read it');
      chmodSync(path, 0o600);
    },
  );

  it('that are interrupted leave no parts in S3, which would cost money for ever', async () => {
    const file = join(folder.path, 'large.csv');
    writeFileSync(file, '');
    truncateSync(file, 40 * 1024 ** 2);
    const s3 = new FakeS3();
    const controller = new AbortController();
    s3.fault({ command: 'UploadPart', nth: 2, run: () => controller.abort() });
    const planned = { file, key: 'large.csv', sizeBytes: 40 * 1024 ** 2, model: 'csv-model' };
    await expect(upload(s3.client, 'data', planned, controller.signal)).rejects.toThrow(InterruptedError);
    expect(s3.calls.at(-1)?.command).toBe('AbortMultipartUpload');
    expect(s3.objects('data').size).toBe(0);
  });

  it('that are large are uploaded in parts, and the bytes that are uploaded are reported', async () => {
    const file = join(folder.path, 'large.csv');
    writeFileSync(file, Buffer.alloc(12 * 1024 ** 2, 'ab'));
    const s3 = new FakeS3();
    const loaded: number[] = [];
    const planned = { file, key: 'large.csv', sizeBytes: 12 * 1024 ** 2, model: 'csv-model' };
    await upload(s3.client, 'data', planned, new AbortController().signal, (bytes) => loaded.push(bytes));
    expect(s3.callsOf('UploadPart')).toHaveLength(3);
    expect(Math.max(...loaded)).toBe(12 * 1024 ** 2);
    expect(s3.text('data', 'large.csv')).toBe('ab'.repeat(6 * 1024 ** 2));
  });
});

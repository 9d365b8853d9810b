import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TakingModel } from '../../../lifecycle/model';
import { planUploads, prefixFor, takenKeys } from '../../../scripts/pipeline/uploads';
import { temporaryFolder } from './stand-ins';

function model(name: string, prefix: string, ...suffixes: string[]): TakingModel {
  return { name, prefix, suffixes, digest: 'a'.repeat(64), zipKey: 'z', zipVersionId: 'v' };
}

describe('files to submit', () => {
  const folder = temporaryFolder();
  const models = [model('csv-model', '', '.csv'), model('scans', 'scans/', '.dcm', '.png')];
  beforeAll(() => {
    writeFileSync(join(folder.path, 'a b.csv'), 'x,y\n');
    writeFileSync(join(folder.path, 'empty.csv'), '');
    writeFileSync(join(folder.path, 'scan.png'), 'png');
    mkdirSync(join(folder.path, 'sub'));
  });
  afterAll(() => folder.remove());

  const plan = (files: string[], prefix = '') => planUploads(files, prefix, models, folder.path);

  it('get the prefix and their own name as key, and the model that takes it', () => {
    expect(plan(['a b.csv', 'empty.csv'])).toEqual([
      { file: join(folder.path, 'a b.csv'), key: 'a b.csv', sizeBytes: 4, model: 'csv-model' },
      { file: join(folder.path, 'empty.csv'), key: 'empty.csv', sizeBytes: 0, model: 'csv-model' },
    ]);
    expect(plan(['scan.png'], 'scans/')).toMatchObject([{ key: 'scans/scan.png', model: 'scans' }]);
  });

  it('are all refused when one cannot be submitted, and every reason is told', () => {
    expect(() => plan(['a b.csv', 'gone.csv', 'sub', 'scan.png', '/dev/null'])).toThrow(
      [
        'Nothing was uploaded, because of these:',
        'gone.csv: there is no such file',
        'sub: it is a folder; name the files in it',
        'scan.png: no model takes the key "scan.png"; taken are "….csv" (csv-model); "scans/….dcm", "scans/….png" (scans); say --prefix scans/',
        '/dev/null: it is not a regular file',
      ].join('\n  '),
    );
  });

  it('are refused when the key would be longer than S3 allows, in bytes', () => {
    expect(() => plan(['a b.csv'], 'é'.repeat(510))).toThrow('its key would be longer than 1,024 bytes');
    expect(plan(['a b.csv'], 'é'.repeat(508))).toHaveLength(1);
  });

  it('may have a prefix each, and are still refused all at once', () => {
    const prefix = (fileName: string) => prefixFor(fileName, models) ?? '';
    expect(planUploads(['a b.csv', 'scan.png'], prefix, models, folder.path)).toMatchObject([
      { key: 'a b.csv' },
      { key: 'scans/scan.png' },
    ]);
    expect(() => planUploads(['gone.csv', 'sub'], prefix, models, folder.path)).toThrow(
      /gone\.csv: there is no such file\n {2}sub: it is a folder/,
    );
  });

  it('of any ending are taken by a model without suffixes', () => {
    expect(takenKeys([model('all', 'in/')])).toBe('"in/…" (all)');
  });
});

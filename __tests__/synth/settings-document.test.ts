import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { modelCardSchema } from '../../lifecycle/model';
import { readPipelines, settingsSchema } from '../../modules/settings';
import { PROJECT } from '../support/synth';

const text = readFileSync(join(PROJECT, 'docs', 'SETTINGS.md'), 'utf8');

/** The rows of the first table: each setting and its default in the document. */
const rows = text
  .split('\n')
  .filter((line) => /^\| `\w+`/.test(line))
  .flatMap((line) => {
    const [, names = '', byDefault = ''] = line.split('|').map((cell) => cell.trim());
    return [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => ({ name, byDefault }));
  });

test('the table contains every setting and nothing else', () => {
  expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(settingsSchema.shape).sort());
});

test('the defaults in the table are those of the code', () => {
  const defaults: Record<string, unknown> = settingsSchema.parse({ name: 'test', models: ['model'] });
  for (const { name, byDefault } of rows) {
    const value = defaults[name];
    if (value === undefined || name === 'name' || name === 'models') expect(byDefault).not.toContain('`{');
    else expect({ name, byDefault }).toEqual({ name, byDefault: `\`${plain(value)}\`` });
  }
});

const examples = [...text.matchAll(/```json\n([^`]*)```/g)]
  .map(([, json = '']) => JSON.parse(json) as { pipelines?: unknown })
  .filter(({ pipelines }) => pipelines !== undefined);

test('there is an example for each of the larger settings', () => {
  const used = new Set(examples.flatMap(({ pipelines }) => (pipelines as object[]).flatMap(Object.keys)));
  for (const setting of [
    'accountId',
    'deployRoleArn',
    'state',
    'vpcId',
    'privateNetwork',
    'kmsKeyArn',
    'permissionsBoundaryArn',
    'image',
    'spot',
  ]) {
    expect(used).toContain(setting);
  }
});

test.each(examples)('the example is usable as it is: %j', ({ pipelines }) => {
  expect(readPipelines(pipelines, PROJECT).length).toBeGreaterThan(0);
});

test('the README has every limit of a model’s card, with its default', () => {
  const readme = readFileSync(join(PROJECT, 'README.md'), 'utf8');
  const rows = [...readme.matchAll(/^  \| `(\w+)` +\| (\S+) +\|/gm)].map(([, name, value]) => [name, value!]);
  const withoutDefault = rows.filter(([, value]) => value === '–').map(([name]) => name);
  expect(withoutDefault).toEqual(['memoryMiB', 'maxProcesses']);
  const limits = rows
    .filter(([, value]) => value !== '–')
    .map(([name, value]) => [name, JSON.parse(value!.replaceAll('`', '')) as unknown]);
  const { name: _name, takes: _takes, ...defaults } = modelCardSchema.parse({ name: 'my-model' });
  expect(Object.fromEntries(limits)).toEqual(defaults);
});

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

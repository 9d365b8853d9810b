import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..', '..');

/** The SDK's commands and transfers that the files of a folder send. */
function sentIn(folder: string): Set<string> {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  const texts = files.filter((file) => file.endsWith('.ts')).map((file) => read(join(folder, file)));
  return new Set(
    texts.flatMap((text) => [...text.matchAll(/new (\w+Command|Upload)\(/g)].map(([, name]) => name!)),
  );
}

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

describe('the contracts', () => {
  it('send every call to AWS that lifecycle, handlers and runner send', () => {
    const inContracts = sentIn('__tests__/support/contracts');
    const production = ['lifecycle', 'handlers', 'runner'].flatMap((folder) => [...sentIn(folder)]);
    expect(production).toContain('PutObjectCommand');
    expect(production.filter((name) => !inContracts.has(name))).toEqual([]);
  });

  it('name files that exist', () => {
    const folder = '__tests__/support/contracts';
    const texts = readdirSync(join(ROOT, folder)).map((file) => read(join(folder, file)));
    const used = texts.flatMap((text) =>
      [...text.matchAll(/'((?:lifecycle|handlers|runner)\/[\w-]+\.ts)'/g)].map(([, file]) => file!),
    );
    expect(used.length).toBeGreaterThan(5);
    for (const file of used) expect(read(file)).not.toBe('');
  });
});

import fc from 'fast-check';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { localPath, localPaths } from '../../../../scripts/pipeline/local-paths';
import { temporaryFolder } from '../stand-ins';

const FOLDER = join(sep, 'results here');

describe('copies of results', () => {
  it.each([
    ['a.csv', 'a.csv'],
    ['in/a b+c.csv', 'in/a b+c.csv'],
    ['Grüße/日本.csv', 'Grüße/日本.csv'],
    ['../../etc/passwd', '%2E%2E/%2E%2E/etc/passwd'],
    ['/etc/passwd', 'etc/passwd'],
    ['a//b/./c', 'a/b/%2E/c'],
    ['a\\..\\b', 'a%5C..%5Cb'],
    ['line\nfeed\u0000', 'line%0Afeed%00'],
    ['$(touch x)`y`', '$(touch x)`y`'],
    ['NUL.txt', '_NUL.txt'],
    ['ends.', 'ends%2E'],
    ['', '_'],
  ])('of %j go to %j', (key, expected) => {
    expect(relative(FOLDER, localPath(FOLDER, key))).toBe(expected.split('/').join(sep));
  });

  it('stay inside their folder, and apart, whatever the keys are', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom('.', '..', '', '~', '\\', 'C:', 'a', 'A', 'con', 'é', 'e\u0301', 'x'.repeat(300)),
    );
    const key = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(fc.uniqueArray(key, { maxLength: 8 }), (keys) => {
        const paths = [...localPaths(FOLDER, keys).values()];
        expect(new Set(paths.map((path) => path.toLowerCase())).size).toBe(keys.length);
        for (const path of paths) {
          const inside = relative(FOLDER, path).split(sep);
          expect(inside).not.toContain('..');
          expect(inside.every((name) => name !== '' && Buffer.byteLength(name) <= 255)).toBe(true);
          expect(paths.some((other) => other.startsWith(path + sep))).toBe(false);
        }
      }),
    );
  });

  it('can be written where one key is the folder of another', () => {
    const folder = temporaryFolder();
    try {
      for (const keys of [
        ['a', 'a/b', 'a/b/c', 'A'],
        ['a/b/c', 'a/b', 'a'],
      ]) {
        const paths = localPaths(join(folder.path, keys.join('-').replaceAll('/', '_')), keys);
        for (const [key, path] of paths) {
          mkdirSync(dirname(path), { recursive: true });
          writeFileSync(path, key, { flag: 'wx' });
        }
        expect(paths.size).toBe(keys.length);
      }
    } finally {
      folder.remove();
    }
  });
});

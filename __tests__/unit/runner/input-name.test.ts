import fc from 'fast-check';
import { basename, join } from 'node:path';
import { inputName } from '../../../runner/input-name';

test.each([
  ['data/2024/flowers.csv', 'flowers.csv'],
  ['red flower.csv', 'red_flower.csv'],
  ['archive.tar.gz', 'archive.tar.gz'],
  ['.csv', 'input.csv'],
  ['..', 'input'],
  ['.hidden', 'input.hidden'],
  ['--help', 'help'],
  ['花', 'input'],
  ['a/', 'input'],
  ['', 'input'],
  ['x.CSV', 'x.CSV'],
  [`${'long'.repeat(60)}.parquet`, `${'long'.repeat(23)}.parquet`],
])('the file of key %j is called %j, so that a model finds the suffix it expects', (key, name) => {
  expect(inputName(key)).toBe(name);
});

test('no key can name a file outside of the input folder, a hidden file or an option', () => {
  const nasty = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('.', '/', '-', '\\', '\n', '\0', ' ', '$', '`', 'a', 'é', '\u202e') }),
    fc.string({ unit: 'grapheme', minLength: 100, maxLength: 300 }),
  );
  fc.assert(
    fc.property(nasty, (key) => {
      const name = inputName(key);
      expect(name).toMatch(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/);
      expect(basename(join('/input', name))).toBe(name);
    }),
    { numRuns: 2_000 },
  );
});

test('a suffix is never cut off: a model may decide by it', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      fc.stringMatching(/^\.[A-Za-z0-9]{1,16}$/),
      (stem, suffix) => {
        expect(inputName(stem + suffix).endsWith(suffix)).toBe(true);
      },
    ),
  );
});

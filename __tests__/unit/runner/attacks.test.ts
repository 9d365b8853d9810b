import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { allFamilies } from '../../support/attacks/families';
import { expectedRows, markdown } from '../../support/attacks/table';

const PAGE = join(__dirname, '..', '..', '..', 'docs', 'SECURITY.md');

/** The cells of all tables. */
const cellsIn = (text: string) =>
  [...text.matchAll(/^\|(.+)\|$/gm)]
    .map(([, row = '']) => row.split('|').map((cell) => cell.trim()))
    .filter(([first = '']) => !/^-+$/.test(first));

test('docs/SECURITY.md has each attack of the suite, and nothing that is not tried', () => {
  const [, section = ''] = /^## Attacks on the walls$([^]*?)^## /m.exec(readFileSync(PAGE, 'utf8')) ?? [];
  expect(cellsIn(section)).toEqual(cellsIn(markdown(expectedRows())));
});

test('each attack has a name of its own', () => {
  const names = expectedRows().map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(allFamilies.length).toBeGreaterThanOrEqual(10);
});

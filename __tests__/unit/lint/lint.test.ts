import { Linter } from 'eslint';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { HOUSE } from '../../../lint/house.mjs';
import { longSentences, plainWords, refusedWordIn } from '../../../lint/plain-words.mjs';
import { PROJECT } from '../../support/synth';

const linter = new Linter();

/** What the rule reports about a file. */
const reported = (text: string) =>
  linter
    .verify(text, {
      plugins: { lamplighter: { rules: { 'plain-words': plainWords } } },
      rules: { 'lamplighter/plain-words': 'error' },
    })
    .map(({ message }) => message);

const words = (count: number) => Array.from({ length: count }, (_, index) => `word${index}`).join(' ');

describe('the lint rule for words', () => {
  it.each([
    'told',
    'tellDenied',
    'scene',
    'openScene',
    'meantBy',
    'readOr',
    'occurrence',
    'settingObjection',
  ])('refuses the name %s, which no reader can look up', (name) => {
    expect(reported(`const ${name} = 1;`)).toEqual([expect.stringContaining(`"${name}"`)]);
  });

  it('accepts names that only begin like a refused one', () => {
    expect(reported('const teller = 1, meaning = 2, objective = 3, reader = 4;')).toEqual([]);
  });

  it('refuses a comment sentence of 31 words, also over several lines', () => {
    expect(reported(`// ${words(30)}.`)).toEqual([]);
    expect(reported(`// ${words(31)}.`)).toEqual([expect.stringContaining('31 words')]);
    expect(reported(`// ${words(16)}\n// ${words(15)}.`)).toEqual([expect.stringContaining('31 words')]);
    expect(reported(`/** ${words(16)}\n * ${words(15)} */`)).toEqual([expect.stringContaining('31 words')]);
  });

  it('counts sentences, not comments, and neither addresses nor drawings', () => {
    expect(reported(`// ${words(20)}. ${words(20)}.`)).toEqual([]);
    expect(reported(`/**\n * ${words(20)}:\n *\n *     ${words(40)}\n */`)).toEqual([]);
    expect(reported(`// \`${words(40)}\` and https://example.org/${words(1)}`)).toEqual([]);
  });

  it('refuses a subject without a name', () => {
    expect(reported('// Whoever starts it invokes worker.')).toEqual([expect.stringContaining('"Whoever"')]);
  });
});

describe('the documents', () => {
  const documents = [
    'README.md',
    'CONTRIBUTING.md',
    ...readdirSync(join(PROJECT, 'docs')).map((name) => `docs/${name}`),
  ];

  it.each(documents)('%s has no sentence that a tired reader loses', (name) => {
    const prose = proseOf(readFileSync(join(PROJECT, name), 'utf8'));
    expect(longSentences(prose)).toEqual([]);
    expect(refusedWordIn(prose)).toBeUndefined();
  });
});

it('each folder of the table of imports exists, and each folder with code is in it', () => {
  expect(Object.keys(HOUSE).filter((folder) => !existsSync(join(PROJECT, folder)))).toEqual([]);
  expect(codeIn('scripts')).toEqual(['lamplighter.ts']);
  for (const parent of ['.', 'scripts', 'local-cloud']) {
    const folders = readdirSync(join(PROJECT, parent), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(parent, name));
    const withCode = folders.filter((folder) => folder !== 'scripts' && codeIn(folder).length > 0);
    expect(withCode.filter((folder) => !(folder in HOUSE))).toEqual([]);
  }
});

const codeIn = (folder: string) => readdirSync(join(PROJECT, folder)).filter((name) => name.endsWith('.ts'));

/** A Markdown text without code and headings; each cell of a table reads as a text of its own. */
function proseOf(markdown: string): string {
  return markdown
    .replace(/```[\s\S]*?```/g, '\n\n')
    .split('\n')
    .map((line) => {
      if (line.startsWith('    ') || line.startsWith('#')) return '\n';
      return line.startsWith('|') ? `\n${line.split('|').join('\n\n')}\n` : line;
    })
    .join('\n');
}

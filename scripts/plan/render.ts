import { print } from '../console/print';
import { type Terminal, printable } from '../console/terminal';
import type { Line, Page } from './page';

/** Maximum length of a line. Names and values come from settings, from AWS and from other people's changes. */
const MAX_CHARACTERS = 2_000;

const textOf = ({ sign, depth, text }: Line) =>
  `${sign} ${'    '.repeat(depth)}${printable(text, MAX_CHARACTERS)}`.trimEnd();

export function showPage(page: Page, terminal: Terminal): void {
  const { colours } = terminal;
  const paint = {
    '+': colours.green,
    '-': colours.red,
    '~': colours.yellow,
    '!': colours.magenta,
    ' ': (text: string) => text,
  };
  print(terminal, [colours.bold(printable(page.title)), printable(page.summary)]);
  for (const { title, lines } of page.sections) {
    print(terminal, ['', colours.bold(title)]);
    for (const line of lines) print(terminal, `  ${paint[line.sign](textOf(line))}`.trimEnd());
  }
}

/** Markdown for a comment on a pull request. A `diff` block colours each line by its first character. */
export function markdownOf(page: Page): string {
  const parts = [`# ${plainMarkdown(page.title)}`, plainMarkdown(page.summary)];
  for (const { title, lines } of page.sections) {
    const text = lines.map(textOf).join('\n');
    const fence = '`'.repeat(Math.max(3, longestRun(text) + 1));
    parts.push(`## ${title}`, `${fence}diff\n${text}\n${fence}`);
  }
  return `${parts.join('\n\n')}\n`;
}

/** The longest run of backticks. A fence must be longer, because the first equal one ends the block. */
function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}

const plainMarkdown = (text: string) => printable(text).replace(/[\\`*_[\]<>#|]/g, '\\$&');

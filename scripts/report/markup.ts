import { printable } from '../console/terminal';

/** Markup that goes into a page unchanged. Only `markup` makes it, so that text from outside is always escaped. */
export class Markup {
  constructor(readonly text: string) {}
}

type Part = Markup | string | number | undefined | readonly Part[];

/** Maximum characters of a text from outside: a key, a model's message. */
const TEXT_CHARACTERS = 2_000;

/**
 * Markup with values in it. Text is escaped, and control and reordering characters become visible. Markup
 * stays as it is, `undefined` becomes nothing, and lists are joined.
 */
export function markup(strings: TemplateStringsArray, ...values: readonly Part[]): Markup {
  return new Markup(
    strings.map((string, index) => string + (index < values.length ? rendered(values[index]) : '')).join(''),
  );
}

function rendered(value: Part): string {
  if (value === undefined) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(rendered).join('');
  return escaped(printable(String(value), TEXT_CHARACTERS));
}

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

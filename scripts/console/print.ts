import { stripVTControlCharacters } from 'node:util';
import wrapAnsi from 'wrap-ansi';

/** The destination of a command's result, one line at a time. */
export interface Output {
  /** Width of the terminal. Undefined if the output is not a terminal: then lines have any length. */
  readonly columns?: number | undefined;
  out(line?: string): void;
}

/** Prints lines for people, wrapped between words to the terminal's width. Not for JSON, which must stay on one line. */
export function print(output: Output, lines: string | readonly string[] = ''): void {
  for (const line of typeof lines === 'string' ? [lines] : lines) {
    for (const part of wrapped(line, output.columns)) output.out(part);
  }
}

/**
 * Breaks a line between words into parts that fit the columns. A wider word (a key, an id, an address) stays whole, so that
 * people can copy it. The second part and those after it are indented to the text behind the label.
 * @param columns undefined: no terminal, and the line stays whole
 * @param label the text before the line. @default the line's beginning, up to the first gap of two spaces
 */
export function wrapped(line: string, columns: number | undefined, label?: string): string[] {
  if (columns === undefined) return [`${label ?? ''}${line}`];
  return line.split('\n').flatMap((each) => wrapOne(each, columns, label));
}

function wrapOne(line: string, columns: number, given: string | undefined): string[] {
  const whole = `${given ?? ''}${line}`;
  if (!wrapAnsi(whole, columns, { trim: false }).includes('\n')) return [whole];
  const label = given ?? labelOf(line, columns);
  const [, indent = '', text = ''] =
    /^( *)(.*)$/s.exec(line.slice(given === undefined ? label.length : 0)) ?? [];
  const before = `${label}${indent}`;
  // Without a label, two more spaces distinguish the continuation from a new line.
  const hang = ' '.repeat(widthOf(before) + (label === '' ? 2 : 0));
  return wrapAnsi(text, Math.max(1, columns - hang.length))
    .split('\n')
    .map((part, index) => `${index === 0 ? before : hang}${part}`);
}

/** `Gate      ` of `Gate      OPEN, since …`. Empty if the rest of the line would lack room: half the columns, or its widest word. */
function labelOf(line: string, columns: number): string {
  const [label = ''] = /^ *\S+(?: \S+)* {2,}(?=\S)/.exec(line) ?? [];
  const room = columns - widthOf(label);
  const widest = Math.max(...line.slice(label.length).split(' ').map(widthOf));
  return room >= columns / 2 && room >= widest ? label : '';
}

const widthOf = (text: string) => stripVTControlCharacters(text).length;

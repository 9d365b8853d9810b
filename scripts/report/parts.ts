import { type Markup, markup } from './markup';

/** `2026-11-22 13:37`, in UTC. */
export const dateTime = (ms: number) => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

export const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

/** `1 job`, `2 jobs`. */
export function counted(count: number, noun: string): string {
  return `${count} ${count === 1 ? noun : `${noun}s`}`;
}

/** A part of the page that a screen reader can jump to. */
export function section(id: string, title: string, body: Markup): Markup {
  return markup`<section id="${id}" aria-labelledby="${id}-title" data-live>
    <h2 id="${id}-title">${title}</h2>
    ${body}
  </section>`;
}

type Column = readonly [head: string, kind?: keyof typeof COLUMN_CLASS];

type Cell = Markup | string | number | undefined;

/** The CSS class of each kind of column. */
const COLUMN_CLASS = { number: 'n', key: 'key', text: '' } as const;

const EMPTY_CELL = '–';

/**
 * A table that a phone shows as a list. The roles are written out: a browser drops a table's own roles when
 * CSS lays it out as anything else.
 */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
): Markup {
  return markup`<table class="stack" role="table">
    <caption>
      ${caption}
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        ${columns.map(headCell)}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map(
        (row) =>
          markup`<tr role="row">
            ${columns.map((column, index) => bodyCell(column, row[index]))}
          </tr> `,
      )}
    </tbody>
  </table>`;
}

function headCell([head, kind = 'text']: Column): Markup {
  return markup`<th role="columnheader" scope="col" class="${COLUMN_CLASS[kind]}">${head}</th>`;
}

function bodyCell([head, kind = 'text']: Column, cell: Cell): Markup {
  return markup`<td role="cell" class="${COLUMN_CLASS[kind]}" data-head="${head}">${cell ?? EMPTY_CELL}</td>`;
}

/** A part that the reader opens. */
export function details(id: string, summary: string, body: Markup): Markup {
  return markup`<details id="${id}">
    <summary>${summary}</summary>
    ${body}
  </details>`;
}

/** Each entry: the CSS class of its colour, and what the colour stands for. */
export function legend(entries: readonly (readonly [colour: string, text: string])[]): Markup {
  return markup`<ul class="legend" aria-label="Legend">
    ${entries.map(legendEntry)}
  </ul>`;
}

function legendEntry([colour, text]: readonly [string, string]): Markup {
  return markup`<li><span class="c-${colour}" aria-hidden="true"></span>${text}</li>`;
}

/** `failed` or `succeeded`, in its colour. */
export function outcomeMark(outcome: 'succeeded' | 'failed'): Markup {
  return outcome === 'failed'
    ? markup`<span class="bad">failed</span>`
    : markup`<span class="good">succeeded</span>`;
}

/** What a section shows when the period has no on-time and no job. */
export const NOTHING_RAN = markup`<p>Nothing has run in this period.</p>`;

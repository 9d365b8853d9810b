import { type Markup, markup } from './markup';

/** `2026-11-22 13:37`, in UTC. */
export const at = (ms: number) => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

export const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

export function many(count: number, one: string, more = `${one}s`): string {
  return `${count} ${count === 1 ? one : more}`;
}

/** A part of the page that a screen reader can jump to. */
export function section(id: string, title: string, body: Markup): Markup {
  return markup`<section id="${id}" aria-labelledby="${id}-title" data-live>
    <h2 id="${id}-title">${title}</h2>
    ${body}
  </section>`;
}

interface Column {
  readonly head: string;
  readonly kind?: 'number' | 'key';
}

type Cell = Markup | string | number | undefined;

/**
 * A table that a phone shows as a list. Its roles are said, because a browser forgets them when a table is laid out as
 * anything else.
 */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
): Markup {
  const classOf = ({ kind }: Column) => (kind === 'number' ? 'n' : kind === 'key' ? 'key' : '');
  return markup`<table class="stack" role="table">
    <caption>
      ${caption}
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        ${columns.map((column) => markup`<th role="columnheader" scope="col" class="${classOf(column)}">${column.head}</th>`)}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map(
        (row) =>
          markup`<tr role="row">
            ${columns.map((column, index) => markup`<td role="cell" class="${classOf(column)}" data-head="${column.head}">${row[index] ?? '–'}</td>`)}
          </tr> `,
      )}
    </tbody>
  </table>`;
}

export function details(id: string, summary: string, body: Markup): Markup {
  return markup`<details id="${id}">
    <summary>${summary}</summary>
    ${body}
  </details>`;
}

export function legend(entries: readonly (readonly [string, string])[]): Markup {
  return markup`<ul class="legend" aria-label="Legend">
    ${entries.map(([name, text]) => markup`<li><span class="c-${name}" aria-hidden="true"></span>${text}</li>`)}
  </ul>`;
}

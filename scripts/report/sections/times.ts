import { duration } from '../../console/terminal';
import { DURATION_BINS, type ReportFacts, type Spread } from '../facts';
import { type Markup, markup } from '../markup';
import { counted, details, section, table } from '../parts';
import { spreadPlot } from '../plots';

/** One half of the section: how long jobs waited, or how long they ran. */
interface Half {
  readonly id: string;
  readonly name: string;
  /** From when to when the time is measured. */
  readonly measured: string;
  readonly fill: string;
}

const WAITING: Half = {
  id: 'wait-list',
  name: 'Waiting',
  measured: 'From the upload to the model’s start',
  fill: 'var(--wait)',
};

const RUNNING: Half = {
  id: 'run-list',
  name: 'Running',
  measured: 'From the model’s start to the receipt',
  fill: 'var(--job)',
};

export function timesSection({ waiting, running }: ReportFacts): Markup {
  return section(
    'times',
    'Waiting and running',
    !waiting || !running
      ? markup`<p>No job has begun in this period.</p>`
      : markup`<div class="pair">
        ${halfMarkup(WAITING, waiting)}${halfMarkup(RUNNING, running)}
      </div>`,
  );
}

function halfMarkup({ id, name, measured, fill }: Half, spread: Spread): Markup {
  const summary = summaryOf(spread);
  const label = `${name} of ${counted(spread.count, 'job')}: ${summary}. The table below has the counts.`;
  return markup`<div>
    <h3>${name}</h3>
    <p class="muted">${measured}: ${summary}.</p>
    <figure>
      ${spreadPlot(spread, fill, label)}
    </figure>
    ${details(id, `Table: ${name.toLowerCase()}`, countsTable(name, spread))}
  </div> `;
}

function summaryOf({ medianMs, ninetiethMs, longestMs }: Spread): string {
  const ninetieth = `90 % within ${duration(ninetiethMs)}`;
  return `median ${duration(medianMs)}, ${ninetieth}, longest ${duration(longestMs)}`;
}

function countsTable(name: string, { bins }: Spread): Markup {
  return table(
    `${name}, counted`,
    [{ head: 'Time' }, { head: 'Jobs', kind: 'number' }],
    DURATION_BINS.map(({ label }, index) => [label, bins[index] ?? 0]),
  );
}

import { duration } from '../../console/terminal';
import { DURATION_BINS, type ReportFacts, type Spread } from '../facts';
import { type Markup, markup } from '../markup';
import { counted, details, section, table } from '../parts';
import { spreadPlot } from '../plots';

export function timesSection({ waiting, running }: ReportFacts): Markup {
  return section(
    'times',
    'Waiting and running',
    !waiting || !running
      ? markup`<p>No job has begun in this period.</p>`
      : markup`<div class="pair">
        ${[
          halfMarkup('wait-list', 'Waiting', 'From the upload to the model’s start', 'var(--wait)', waiting),
          halfMarkup('run-list', 'Running', 'From the model’s start to the receipt', 'var(--job)', running),
        ]}
      </div>`,
  );
}

/** @param measured from when to when the time is measured */
function halfMarkup(id: string, name: string, measured: string, fill: string, spread: Spread): Markup {
  const { medianMs, ninetiethMs, longestMs } = spread;
  const ninetieth = `90 % within ${duration(ninetiethMs)}`;
  const summary = `median ${duration(medianMs)}, ${ninetieth}, longest ${duration(longestMs)}`;
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

function countsTable(name: string, { bins }: Spread): Markup {
  return table(
    `${name}, counted`,
    [['Time'], ['Jobs', 'number']],
    DURATION_BINS.map(({ label }, index) => [label, bins[index] ?? 0]),
  );
}

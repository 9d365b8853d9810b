import { duration } from '../../console/terminal';
import type { ReportFacts } from '../facts';
import { type Markup, markup } from '../markup';
import { NOTHING_RAN, counted, details, legend, section, table } from '../parts';
import { daysPlot } from '../plots';

export function daysSection(facts: ReportFacts): Markup {
  return section(
    'days',
    'On-time by day, compared with always on',
    facts.days.length === 0 ? NOTHING_RAN : days(facts),
  );
}

/** The picture in words, for screen readers. */
function labelOf({ onMs, alwaysOnMs, days }: ReportFacts): string {
  const on = `${duration(onMs)} over ${counted(days.length, 'day')}`;
  const always = `${duration(alwaysOnMs)} if the instance were always on`;
  return `On-time by day: ${on}, compared with ${always}. The table below has the same data.`;
}

function days(facts: ReportFacts): Markup {
  return markup`<figure>
    ${daysPlot(facts, labelOf(facts))}
    <figcaption>
      Days in UTC. The first and the last day may be shorter than 24 hours.
    </figcaption>
    ${legend([
      ['on', 'on'],
      ['always', 'if it were always on'],
    ])}
  </figure>
  ${details('day-list', `Table: days (${facts.days.length})`, daysTable(facts))}`;
}

function daysTable({ days }: ReportFacts): Markup {
  return table(
    'Days, the latest first',
    [['Day (UTC)'], ['On', 'number'], ['Always on', 'number'], ['Jobs', 'number'], ['Failed', 'number']],
    [...days]
      .reverse()
      .map((one) => [one.day, duration(one.onMs), duration(one.alwaysOnMs), one.jobs, one.failed]),
  );
}

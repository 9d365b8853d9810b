import { duration } from '../../console/terminal';
import { usd } from '../../prices/prices';
import type { ReportFacts } from '../facts';
import { type Markup, markup } from '../markup';
import { NOTHING_RAN, counted, dateTime, section, table } from '../parts';

export function spendersSection(facts: ReportFacts): Markup {
  return section(
    'spenders',
    'Highest costs',
    facts.spenders.length === 0
      ? NOTHING_RAN
      : markup`${modelsTable(facts)}
          <h3>By job</h3>
          ${jobsTable(facts)}`,
  );
}

/** The column of prices; none when the price of an hour is unknown. */
function priceColumn({ readings }: ReportFacts) {
  const isKnown = readings.usdPerHour !== undefined;
  return {
    heads: isKnown ? [['Price', 'number'] as const] : [],
    cells: (costUsd: number | undefined) => (isKnown ? [usd(costUsd)] : []),
  };
}

function modelsTable(facts: ReportFacts): Markup {
  const price = priceColumn(facts);
  return table(
    'By model',
    [['Model', 'key'], ['Jobs', 'number'], ['Failed', 'number'], ['On-time', 'number'], ...price.heads],
    facts.models.map(({ model, jobs, failed, costMs, costUsd }) => [
      model,
      jobs,
      failed,
      duration(costMs),
      ...price.cells(costUsd),
    ]),
  );
}

function jobsTable(facts: ReportFacts): Markup {
  const { spenders, jobs } = facts;
  const price = priceColumn(facts);
  return table(
    `The ${spenders.length} most expensive of ${counted(jobs.length, 'job')}`,
    [['Upload', 'key'], ['Ended (UTC)'], ['On-time', 'number'], ...price.heads, ['Basis']],
    spenders.map(({ key, endedMs, costMs, costUsd, isCostEstimated }) => [
      key,
      dateTime(endedMs),
      duration(costMs),
      ...price.cells(costUsd),
      isCostEstimated ? 'estimated' : 'billed',
    ]),
  );
}

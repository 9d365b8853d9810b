import type { PipelineSettings } from '../../../modules/settings';
import type { Terminal } from '../../console/terminal';
import type { Estimate, EstimateOptions } from '../../prices/estimate';
import { type Prices, PRICES_FILE, usd } from '../../prices/prices';
import { shortPath } from '../../tools/project';

const AMOUNT_WIDTH = 12;

/** The estimate for people. */
export function estimateLines(
  settings: PipelineSettings,
  { work }: EstimateOptions,
  made: Estimate,
  { asOf, source }: Prices,
  { colours }: Terminal,
): string[] {
  const { usage } = made;
  const row = (what: string, amount: string) => `  ${amount.padStart(AMOUNT_WIDTH)}  ${what}`;
  const monthly = (what: string, amount: number | undefined) =>
    row(what, amount === undefined ? usd(amount) : `${amount.toFixed(2)} USD`);
  const shown = [
    colours.bold(`${settings.name}, ${settings.instanceType} in ${settings.region}, list prices of ${asOf}`),
    `${count(work.jobsPerDay)} jobs a day of ${count(work.jobMinutes)} min, ${work.jobsAtOnce === 1 ? '' : `${count(work.jobsAtOnce)} at once, `}at random within ${count(work.hoursADay)} h; ` +
      `boot ${count(work.bootSeconds)} s, linger ${count(work.lingerSeconds)} s`,
    '',
    `On ${usage.billedHoursPerDay.toFixed(2)} h a day, ${usage.startsPerDay.toFixed(1)} starts, ${usage.jobsPerStart.toFixed(2)} jobs a start`,
    '',
    colours.bold('A month'),
    ...made.month.map(({ what, usd: amount }) => monthly(what, amount)),
    monthly('total', made.monthUsd),
    '',
    ...(made.jobUsd === undefined ? [] : [row('per job: the total divided by the jobs', usd(made.jobUsd))]),
    row('a job that starts the instance for itself alone', usd(made.loneJobUsd)),
    '',
    monthly('a month of the same instance, always on', made.alwaysOnUsd),
    comparison(made),
  ];
  if (usage.isTooMuch) {
    shown.push(
      colours.red(
        `One instance cannot run that many jobs: it can run ${made.capacityJobsPerDay} a day, one after another.`,
      ),
    );
  }
  if (settings.spot)
    shown.push('The settings use spot: cheaper than this, at a price that changes by the hour.');
  return [...shown, '', colours.dim(`Before tax and free tier. Source of the prices: ${source}`)];
}

function comparison({ monthUsd, alwaysOnUsd, breakEvenJobsPerDay, capacityJobsPerDay }: Estimate): string {
  const percent = Math.round((1 - monthUsd / alwaysOnUsd) * 100);
  const now =
    percent >= 0 ? `${percent} % cheaper than always on` : `${-percent} % more expensive than always on`;
  if (breakEvenJobsPerDay >= capacityJobsPerDay)
    return `${now}; never more expensive, up to the ${capacityJobsPerDay} jobs a day that the instance can run.`;
  if (breakEvenJobsPerDay === 0) return `${now}; always on is cheaper from the first job a day.`;
  return `${now}; always on is cheaper above ${breakEvenJobsPerDay} jobs a day.`;
}

const count = (number: number) => String(Number(number.toFixed(2)));

export function estimateJson(
  settings: PipelineSettings,
  { work }: EstimateOptions,
  { month, jobUsd, ...made }: Estimate,
  { asOf, currency, source }: Prices,
) {
  return {
    command: 'estimate',
    pipeline: settings.name,
    region: settings.region,
    instanceType: settings.instanceType,
    diskGib: settings.diskGiB,
    work,
    ...made,
    jobUsd: jobUsd ?? null,
    month,
    prices: { asOf, currency, source, file: shortPath(PRICES_FILE) },
  };
}

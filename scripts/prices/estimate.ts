import { type Bill, type PriceLine, jobRequestsPrice, pipelinePrice, sumOf } from './pipeline-price';
import { HOURS_PER_MONTH, type RegionPrices } from './prices';
import { type Usage, type Workload, usageOf } from './usage';

export interface EstimateOptions {
  readonly bill: Bill;
  readonly work: Workload;
  /** The dashboard and the metric that is written every hour, together with the alarms. */
  readonly hasDashboard: boolean;
  /** Upload and results of one job. */
  readonly megabytesPerJob: number;
  /** What one job logs, the model's own words included. */
  readonly logKilobytesPerJob: number;
  readonly logRetentionDays: number;
}

/** What a workload will cost, beside a machine that is always on. All prices in US dollars, without tax and free tier. */
export interface Estimate {
  readonly usage: Usage;
  /** A month, line by line. */
  readonly month: readonly PriceLine[];
  readonly monthUsd: number;
  /** The month divided by its jobs; undefined: there are none. */
  readonly jobUsd: number | undefined;
  /** What one job adds that wakes the machine for itself alone. */
  readonly loneJobUsd: number;
  /** The same machine, disk and address, never switched off, and nothing of Lamplighter's. */
  readonly alwaysOnUsd: number;
  /** The most jobs a day at which this is not dearer than always on. */
  readonly breakEvenJobsPerDay: number;
  /** The most that one machine can do in a day. */
  readonly capacityJobsPerDay: number;
}

const DAYS_PER_MONTH = HOURS_PER_MONTH / 24;
const GIB = 1024 ** 3;

/** Throws RangeError when the region's table has no price of the instance type. */
export function estimate(options: EstimateOptions, prices: RegionPrices): Estimate {
  const { bill, work } = options;
  const usage = usageOf(work);
  const month = monthOf(options, prices);
  const monthUsd = total(month);
  const alwaysOnUsd = alwaysOn(bill, prices);
  const jobs = work.jobsPerDay * DAYS_PER_MONTH;
  // So few that none meets another.
  const alone = { ...options, work: { ...work, jobsPerDay: 1e-6, jobsAtOnce: 1 } };
  const none = total(monthOf({ ...options, work: { ...work, jobsPerDay: 0 } }, prices));
  const capacityJobsPerDay = Math.floor((24 * 60) / work.jobMinutes);
  return {
    ...{ usage, month, monthUsd, alwaysOnUsd, capacityJobsPerDay },
    jobUsd: jobs === 0 ? undefined : monthUsd / jobs,
    loneJobUsd: (total(monthOf(alone, prices)) - none) / (1e-6 * DAYS_PER_MONTH),
    breakEvenJobsPerDay: mostJobs(capacityJobsPerDay, (jobsPerDay) => {
      return total(monthOf({ ...options, work: { ...work, jobsPerDay } }, prices)) <= alwaysOnUsd;
    }),
  };
}

function monthOf(options: EstimateOptions, prices: RegionPrices): PriceLine[] {
  const { bill, work } = options;
  const { billedHoursPerDay } = usageOf(work);
  const hours = billedHoursPerDay * DAYS_PER_MONTH;
  const jobs = work.jobsPerDay * DAYS_PER_MONTH;
  const logGib = (jobs * options.logKilobytesPerJob * 1000) / GIB;
  const storedGib = (jobs * options.megabytesPerJob * 1_000_000) / GIB;
  const lines: PriceLine[] = [
    { what: `${bill.instanceType ?? 'instance'}, ${hours.toFixed(1)} h`, usd: hours * hourly(bill, prices) },
    ...(bill.hasPublicAddress
      ? [{ what: 'public IPv4 address, while it is on', usd: hours * prices.publicIpv4Hour }]
      : []),
    { what: 'the jobs’ Lambda and S3 requests', usd: jobs * jobRequestsPrice(bill, prices) },
    {
      what: `logs, ${options.logKilobytesPerJob} kB a job`,
      usd:
        logGib *
        (prices.logsIngestedGib + (options.logRetentionDays / DAYS_PER_MONTH) * prices.logsKeptGibMonth),
    },
    {
      what: `S3 storage, ${options.megabytesPerJob} MB a job, each month that it is kept`,
      usd: storedGib * prices.s3GibMonth,
    },
    ...pipelinePrice(bill, prices).atRest,
  ];
  if (options.hasDashboard) {
    lines.push({ what: 'dashboard and its hourly metric', usd: prices.dashboardMonth + prices.metricMonth });
  }
  return lines;
}

function alwaysOn(bill: Bill, prices: RegionPrices): number {
  const address = bill.hasPublicAddress ? prices.publicIpv4Hour : 0;
  return HOURS_PER_MONTH * (hourly(bill, prices) + address) + (bill.diskGib ?? 0) * prices.gp3GibMonth;
}

function hourly({ instanceType = '' }: Bill, prices: RegionPrices): number {
  const price = prices.instanceHour[instanceType];
  if (price === undefined) throw new RangeError(`no price of ${instanceType}`);
  return price;
}

function total(lines: readonly PriceLine[]): number {
  const sum = sumOf(lines);
  if (sum === undefined) throw new RangeError('the price of a line is unknown');
  return sum;
}

/** The greatest whole number up to `limit` of which it is true, if it is true of all smaller ones; else 0. */
function mostJobs(limit: number, isTrue: (jobs: number) => boolean): number {
  let yes = 0;
  let no = limit + 1;
  while (no - yes > 1) {
    const middle = Math.floor((yes + no) / 2);
    if (isTrue(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}

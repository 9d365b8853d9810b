import {
  type Bill,
  type PriceLine,
  jobRequestsPrice,
  pipelinePrice,
  priceLine,
  sumOf,
} from './pipeline-price';
import { HOURS_PER_MONTH, type RegionPrices } from './prices';
import { type Usage, type Workload, usageOf } from './usage';

export interface EstimateOptions {
  readonly bill: Bill;
  readonly work: Workload;
  /** Whether there are a dashboard and a metric that is written every hour. One setting switches them and the alarms. */
  readonly hasDashboard: boolean;
  /** Size of one job's upload and results. */
  readonly megabytesPerJob: number;
  /** Size of one job's log lines, the model's own lines included. */
  readonly logKilobytesPerJob: number;
  readonly logRetentionDays: number;
}

/** The cost of a workload, and of a machine that is always on. Prices are in US dollars, before tax and free tier. */
export interface Estimate {
  readonly usage: Usage;
  /** The cost of a month, line by line. */
  readonly month: readonly PriceLine[];
  readonly monthUsd: number;
  /** The month's cost divided by its jobs. Undefined: there are no jobs. */
  readonly jobUsd: number | undefined;
  /** The additional cost of one job that starts the machine for itself alone. */
  readonly loneJobUsd: number;
  /** The cost of the same machine, disk and address, always on and without Lamplighter. */
  readonly alwaysOnUsd: number;
  /** The maximum jobs a day at which the pipeline does not cost more than always on. */
  readonly breakEvenJobsPerDay: number;
  /** The maximum jobs a day of one machine. */
  readonly capacityJobsPerDay: number;
}

const DAYS_PER_MONTH = HOURS_PER_MONTH / 24;
const GIB = 1024 ** 3;

/** Throws RangeError if the region's table has no price of the instance type. */
export function estimate(options: EstimateOptions, prices: RegionPrices): Estimate {
  const { bill, work } = options;
  const usage = usageOf(work);
  const month = monthOf(options, prices);
  const monthUsd = total(month);
  const alwaysOnUsd = alwaysOn(bill, prices);
  const jobs = work.jobsPerDay * DAYS_PER_MONTH;
  // With so few jobs, no two of them share a start.
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
  const keptMonths = options.logRetentionDays / DAYS_PER_MONTH;
  const logGibPrice = prices.logsIngestedGib + keptMonths * prices.logsKeptGibMonth;
  const storage = `S3 storage, ${options.megabytesPerJob} MB a job, each month that it is kept`;
  const address = priceLine('public IPv4 address, while it is on', hours * prices.publicIpv4Hour);
  const lines = [
    priceLine(`${bill.instanceType ?? 'instance'}, ${hours.toFixed(1)} h`, hours * hourly(bill, prices)),
    ...(bill.hasPublicAddress ? [address] : []),
    priceLine('the jobs’ Lambda and S3 requests', jobs * jobRequestsPrice(bill, prices)),
    priceLine(`logs, ${options.logKilobytesPerJob} kB a job`, logGib * logGibPrice),
    priceLine(storage, storedGib * prices.s3GibMonth),
    ...pipelinePrice(bill, prices).atRest,
  ];
  if (options.hasDashboard)
    lines.push(priceLine('dashboard and its hourly metric', prices.dashboardMonth + prices.metricMonth));
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

/**
 * The greatest whole number up to `limit` for which `isTrue` holds; 0 if there is none. It must hold for all smaller ones.
 */
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

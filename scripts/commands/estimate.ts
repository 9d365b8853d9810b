import { type Command, InvalidArgumentError } from 'commander';
import type { PipelineSettings } from '../../modules/settings';
import { print } from '../console/print';
import type { Terminal } from '../console/terminal';
import { MissingError, UsageError } from '../console/exit';
import type { CommandLine } from './operations';
import { chooseSettings } from '../pipeline/chosen-settings';
import { type Estimate, type EstimateOptions, estimate as estimateOf } from '../prices/estimate';
import { type Prices, PRICES_FILE, loadPrices, usd } from '../prices/prices';
import { refreshPrices } from '../prices/refresh';
import { billOfSettings } from '../prices/settings-bill';
import { TYPICAL } from '../prices/usage';
import { shortPath } from '../tools/project';

export interface EstimateArguments {
  readonly jobsPerDay?: number;
  readonly minutes?: number;
  readonly atOnce: number;
  readonly hoursADay: number;
  readonly bootSeconds: number;
  readonly linger?: number;
  readonly instanceType?: string;
  readonly region?: string;
  readonly disk?: number;
  readonly megabytes: number;
  readonly logKilobytes: number;
  readonly pipeline?: string;
  readonly refreshPrices: boolean;
  readonly json: boolean;
}

export function addEstimate(root: Command, { terminal }: Pick<CommandLine, 'terminal'>): void {
  root
    .command('estimate')
    .description('what a pipeline will cost, by the job and by the month, and beside a machine always on')
    .option('--jobs-per-day <N>', 'uploads of a day', positive)
    .option('--minutes <M>', "the model's own time for one", positive)
    .option('--at-once <N>', 'so many of them are uploaded together', atLeastOne, 1)
    .option('--hours-a-day <H>', 'they come at random within so many hours of a day', hoursOfDay, 24)
    .option(
      '--boot-seconds <S>',
      'from running until the model begins; the default is the simulator’s mean',
      notNegative,
      TYPICAL.bootSeconds,
    )
    .option('--linger <S>', "seconds that the instance stays on after a job (the settings')", notNegative)
    .option('--instance-type <TYPE>', "the settings', if not said")
    .option('--region <REGION>', "the settings', if not said")
    .option('--disk <GIB>', "the settings', if not said", positive)
    .option('--megabytes <N>', 'upload and results of one job', notNegative, 1)
    .option('--log-kilobytes <N>', 'what one job logs', notNegative, 50)
    .option('--pipeline <NAME>', 'which pipeline of cdktf.json, if there are several')
    .option('--refresh-prices', "first read the price table anew from AWS's price list", false)
    .option('--json', 'print it as JSON', false)
    .action((options: EstimateArguments) => estimate(options, terminal));
}

/** Says what a pipeline will cost before anything is deployed; asks AWS only for new prices, if told to. */
export async function estimate(options: EstimateArguments, terminal: Terminal): Promise<void> {
  if (options.refreshPrices) {
    const types = options.instanceType === undefined ? [] : [options.instanceType];
    const regions = options.region === undefined ? [] : [options.region];
    const told = await refreshPrices({ file: PRICES_FILE, types, regions });
    for (const line of told) terminal.err(line);
    if (options.jobsPerDay === undefined && options.minutes === undefined) return;
  }
  const { jobsPerDay, minutes } = options;
  if (jobsPerDay === undefined || minutes === undefined) {
    throw new UsageError('Say how much there is to do: --jobs-per-day N --minutes M');
  }
  const asked = { ...options, jobsPerDay, minutes };
  const settings = settled(chooseSettings(options.pipeline), options);
  const prices = loadPrices();
  const said = estimateOptions(settings, asked);
  const made = estimateOf(said, regionPrices(prices, settings));
  if (options.json) terminal.out(JSON.stringify(asJson(settings, said, made, prices), null, 2));
  else print(terminal, lines(settings, said, made, prices, terminal));
}

/** The settings with what was said on the command line instead. */
function settled(settings: PipelineSettings, options: EstimateArguments): PipelineSettings {
  return {
    ...settings,
    region: options.region ?? settings.region,
    instanceType: options.instanceType ?? settings.instanceType,
    diskGiB: options.disk ?? settings.diskGiB,
    lingerSeconds: options.linger ?? settings.lingerSeconds,
  };
}

export function estimateOptions(
  settings: PipelineSettings,
  options: EstimateArguments & { readonly jobsPerDay: number; readonly minutes: number },
): EstimateOptions {
  return {
    bill: billOfSettings(settings),
    work: {
      jobsPerDay: options.jobsPerDay,
      jobsAtOnce: options.atOnce,
      jobMinutes: options.minutes,
      hoursADay: options.hoursADay,
      bootSeconds: options.bootSeconds,
      otherSeconds: TYPICAL.otherSeconds,
      lingerSeconds: settings.lingerSeconds,
    },
    hasDashboard: settings.alarms,
    megabytesPerJob: options.megabytes,
    logKilobytesPerJob: options.logKilobytes,
    logRetentionDays: settings.logRetentionDays,
  };
}

const AMOUNT_WIDTH = 12;

const REFRESH = 'npx lamplighter estimate --refresh-prices';

function regionPrices({ regions }: Prices, { region, instanceType }: PipelineSettings) {
  const prices = regions[region];
  if (!prices) {
    throw new MissingError(
      `The price table has no prices of ${region}; it has: ${Object.keys(regions).join(', ')}. ` +
        `Read them from AWS: ${REFRESH} --region ${region}`,
    );
  }
  if (prices.instanceHour[instanceType] === undefined) {
    throw new MissingError(
      `The price table has no price of ${instanceType} in ${region}; it has: ${Object.keys(prices.instanceHour).join(', ')}. ` +
        `Read it from AWS: ${REFRESH} --instance-type ${instanceType}`,
    );
  }
  return prices;
}

function lines(
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
    monthly('together', made.monthUsd),
    '',
    ...(made.jobUsd === undefined ? [] : [row('a job, everything divided by the jobs', usd(made.jobUsd))]),
    row('a job that wakes the machine for itself', usd(made.loneJobUsd)),
    '',
    monthly('a month of the same machine, always on', made.alwaysOnUsd),
    comparison(made),
  ];
  if (usage.isTooMuch) {
    shown.push(
      colours.red(
        `That is more than one machine can do: ${made.capacityJobsPerDay} jobs a day, one after the other.`,
      ),
    );
  }
  if (settings.spot)
    shown.push('The settings say spot: cheaper than this, at a price that changes by the hour.');
  return [...shown, '', colours.dim(`Before tax and free tier. Source of the prices: ${source}`)];
}

function comparison({ monthUsd, alwaysOnUsd, breakEvenJobsPerDay, capacityJobsPerDay }: Estimate): string {
  const percent = Math.round((1 - monthUsd / alwaysOnUsd) * 100);
  const now = percent >= 0 ? `${percent} % cheaper than always on` : `${-percent} % dearer than always on`;
  if (breakEvenJobsPerDay >= capacityJobsPerDay)
    return `${now}; never dearer, up to the ${capacityJobsPerDay} jobs a day that it can do.`;
  if (breakEvenJobsPerDay === 0) return `${now}; always on is cheaper from the first job a day.`;
  return `${now}; always on is cheaper above ${breakEvenJobsPerDay} jobs a day.`;
}

const count = (number: number) => String(Number(number.toFixed(2)));

function asJson(
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

function positive(text: string): number {
  const number = notNegative(text);
  if (number > 0) return number;
  throw new InvalidArgumentError('It is a number greater than 0.');
}

function atLeastOne(text: string): number {
  const number = notNegative(text);
  if (number >= 1) return number;
  throw new InvalidArgumentError('It is a number from 1.');
}

function notNegative(text: string): number {
  const number = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && number <= 1_000_000) return number;
  throw new InvalidArgumentError('It is a number from 0 to 1000000, such as 12 or 0.5.');
}

function hoursOfDay(text: string): number {
  const number = positive(text);
  if (number <= 24) return number;
  throw new InvalidArgumentError('A day has 24 hours.');
}

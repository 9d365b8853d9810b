import type { PipelineSettings } from '../../../modules/settings';
import { print } from '../../console/print';
import type { Terminal } from '../../console/terminal';
import { MissingError, UsageError } from '../../console/exit';
import { chooseSettings } from '../../pipeline/chosen-settings';
import { type EstimateOptions, estimate as estimateOf } from '../../prices/estimate';
import { type Prices, PRICES_FILE, loadPrices } from '../../prices/prices';
import { refreshPrices } from '../../prices/refresh';
import { billOfSettings } from '../../prices/settings-bill';
import { TYPICAL } from '../../prices/usage';
import { estimateJson, estimateLines } from './show';

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

/** Prints the costs of a pipeline before it is deployed. Calls AWS only with `refreshPrices`. */
export async function estimate(options: EstimateArguments, terminal: Terminal): Promise<void> {
  if (options.refreshPrices) {
    const types = options.instanceType === undefined ? [] : [options.instanceType];
    const regions = options.region === undefined ? [] : [options.region];
    const report = await refreshPrices({ file: PRICES_FILE, types, regions });
    for (const line of report) terminal.err(line);
    if (options.jobsPerDay === undefined && options.minutes === undefined) return;
  }
  const { jobsPerDay, minutes } = options;
  if (jobsPerDay === undefined || minutes === undefined) {
    throw new UsageError('Pass the work: --jobs-per-day N --minutes M');
  }
  const settings = withOptions(chooseSettings(options.pipeline), options);
  const prices = loadPrices();
  const input = estimateOptions(settings, { ...options, jobsPerDay, minutes });
  const made = estimateOf(input, regionPrices(prices, settings));
  if (options.json) terminal.out(JSON.stringify(estimateJson(settings, input, made, prices), null, 2));
  else print(terminal, estimateLines(settings, input, made, prices, terminal));
}

/** The settings, with the options of the command line in their place. */
function withOptions(settings: PipelineSettings, options: EstimateArguments): PipelineSettings {
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

const REFRESH = 'npx lamplighter estimate --refresh-prices';

function regionPrices({ regions }: Prices, { region, instanceType }: PipelineSettings) {
  const prices = regions[region];
  if (!prices) {
    throw new MissingError(
      `The price table has no prices for ${region}; it has: ${Object.keys(regions).join(', ')}. ` +
        `Read them from AWS: ${REFRESH} --region ${region}`,
    );
  }
  if (prices.instanceHour[instanceType] === undefined) {
    throw new MissingError(
      `The price table has no price for ${instanceType} in ${region}; it has: ${Object.keys(prices.instanceHour).join(', ')}. ` +
        `Read it from AWS: ${REFRESH} --instance-type ${instanceType}`,
    );
  }
  return prices;
}

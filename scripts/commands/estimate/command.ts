import { type Command, InvalidArgumentError } from 'commander';
import { EXITS, addHelp } from '../../console/command-help';
import type { CommandContext } from '../../console/command-line';
import { Exit } from '../../console/exit';
import { TYPICAL } from '../../prices/usage';
import { settingsPipelineOption } from '../options';
import { type EstimateArguments, estimate } from './estimate';

const positive = parser((number) => number > 0, 'Use a number greater than 0.');
const atLeastOne = parser((number) => number >= 1, 'Use a number of at least 1.');
const hoursOfDay = parser((number) => number <= 24, 'A day has 24 hours.', positive);

export function addEstimate(root: Command, { terminal }: CommandContext): void {
  const command = root
    .command('estimate')
    .description(
      'estimate the cost of a pipeline per job and per month, compared with an instance that is always on',
    )
    .option('--jobs-per-day <N>', 'uploads per day', positive)
    .option('--minutes <M>', 'minutes that the model runs for one upload', positive)
    .option('--at-once <N>', 'uploads that arrive together', atLeastOne, 1)
    .option('--hours-a-day <H>', 'hours of a day in which uploads arrive, at random times', hoursOfDay, 24)
    .option(
      '--boot-seconds <S>',
      'seconds from the state running to the model’s start; the default is the simulator’s mean',
      notNegative,
      TYPICAL.bootSeconds,
    )
    .option(
      '--linger <S>',
      'seconds that the instance stays on after a job (default: the settings)',
      notNegative,
    )
    .option('--instance-type <TYPE>', 'type of the instance (default: the settings)')
    .option('--region <REGION>', 'AWS region (default: the settings)')
    .option('--disk <GIB>', 'size of the disk (default: the settings)', positive)
    .option('--megabytes <N>', 'size of the upload and the results of one job', notNegative, 1)
    .option('--log-kilobytes <N>', 'size of the log of one job', notNegative, 50)
    .addOption(settingsPipelineOption())
    .option('--refresh-prices', 'first update the price table from the price list of AWS', false)
    .option('--json', 'print the result as JSON', false)
    .action((options: EstimateArguments) => estimate(options, terminal));
  addHelp(command, {
    examples: [
      ['estimate --jobs-per-day 4 --minutes 15', ''],
      ['estimate --jobs-per-day 4 --minutes 15 --hours-a-day 8 --instance-type g4dn.xlarge --json', ''],
      ['estimate --refresh-prices', 'update the price table from AWS (needs credentials)'],
    ],
    exits: {
      ...EXITS.basic,
      [Exit.usage]: 'an argument or a setting is not valid',
      [Exit.missing]: 'the price table lacks a price; with --refresh-prices: credentials are missing',
      [Exit.broken]: 'with --refresh-prices: AWS refused, or returned no prices',
    },
  });
}

function notNegative(text: string): number {
  const number = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && number <= 1_000_000) return number;
  throw new InvalidArgumentError('Use a number from 0 to 1000000, such as 12 or 0.5.');
}

function parser(isValid: (number: number) => boolean, advice: string, parse = notNegative) {
  return (text: string): number => {
    const number = parse(text);
    if (isValid(number)) return number;
    throw new InvalidArgumentError(advice);
  };
}

import { type Command, InvalidArgumentError } from 'commander';
import { EXITS, addHelp } from '../../console/command-help';
import type { CommandContext } from '../../console/command-line';
import { Exit } from '../../console/exit';
import { TYPICAL } from '../../prices/usage';
import { settingsPipelineOption } from '../options';
import { type EstimateArguments, estimate } from './estimate';

export function addEstimate(root: Command, { terminal }: CommandContext): void {
  const command = root
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
    .addOption(settingsPipelineOption())
    .option('--refresh-prices', "first read the price table anew from AWS's price list", false)
    .option('--json', 'print it as JSON', false)
    .action((options: EstimateArguments) => estimate(options, terminal));
  addHelp(command, {
    examples: [
      ['estimate --jobs-per-day 4 --minutes 15', ''],
      ['estimate --jobs-per-day 4 --minutes 15 --hours-a-day 8 --instance-type g4dn.xlarge --json', ''],
      ['estimate --refresh-prices', 'read the price table anew from AWS (needs credentials)'],
    ],
    exits: {
      ...EXITS.basic,
      [Exit.usage]: 'the arguments or a setting cannot be used',
      [Exit.missing]: 'the price table lacks it; with --refresh-prices: credentials are missing',
      [Exit.broken]: 'with --refresh-prices: AWS refused, or showed no prices',
    },
  });
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

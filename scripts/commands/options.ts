import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Help, addHelp } from '../console/command-help';
import { CLOUDS } from '../pipeline/target';

/** A command that reads or changes one pipeline. */
export function pipelineCommand(root: Command, name: string, description: string, help: Help): Command {
  const command = withTarget(root.command(name))
    .description(description)
    .option('--json', 'print the result as JSON', false);
  addHelp(command, help);
  return command;
}

/** Adds the options that choose a deployed pipeline. */
export function withTarget(command: Command): Command {
  return command
    .option('--pipeline <NAME>', 'name of the pipeline; not needed if there is only one')
    .addOption(cloudOption())
    .option('--region <REGION>', 'AWS region (default: AWS_REGION, then cdktf.json)');
}

export function cloudOption(): Option {
  return new Option(
    '--cloud <WHICH>',
    'the local cloud of this checkout, or AWS (default: local if it runs)',
  ).choices(CLOUDS);
}

/** `--pipeline` of a command that reads the settings, deployed or not. */
export function settingsPipelineOption(): Option {
  return new Option(
    '--pipeline <NAME>',
    'name of the pipeline in cdktf.json; not needed if there is only one',
  );
}

/** `--since` in milliseconds before now; a week by default. */
export function sinceOption(description: string): Option {
  return new Option('--since <SPAN>', `${description}: 90s, 30m, 12h, 7d, 2w`)
    .argParser(timeSpan)
    .default(timeSpan('7d'), '7d');
}

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** `7d` in milliseconds. Throws InvalidArgumentError. */
export function timeSpan(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  const milliseconds = Number(count) * (UNITS[unit] ?? 0);
  if (milliseconds > 0) return milliseconds;
  throw new InvalidArgumentError('Use a number and a unit: 90s, 30m, 12h, 7d, 2w.');
}

/** Parses a whole number from 1 to `most`. */
export function countUpTo(most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= 1 && number <= most) return number;
    throw new InvalidArgumentError(`Use a whole number from 1 to ${most}.`);
  };
}

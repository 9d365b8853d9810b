import { type Command, InvalidArgumentError, Option } from 'commander';
import { addHelp } from '../../console/command-help';
import type { CommandContext } from '../../console/command-line';
import { Exit } from '../../console/exit';
import { settingsPipelineOption } from '../options';
import { type LocalOptions, local } from './local';

export function addLocal(root: Command, { terminal, exitWith }: CommandContext): void {
  const command = root
    .command('local')
    .description('run everything on this machine: a local cloud, the deployed functions, the model')
    .argument('[FILE...]', 'what to upload; the sample of the example model if none is named')
    .option('--once', 'take everything down when the results are there and the instance has stopped', false)
    .option('--port <N>', 'port of the local cloud on 127.0.0.1 (a free one if not said)', portNumber)
    .addOption(
      new Option(
        '--timings <WHICH>',
        'how long the cloud takes for things: seconds, milliseconds, as AWS does',
      )
        .choices(['people', 'tests', 'real'])
        .default('people'),
    )
    .addOption(settingsPipelineOption())
    .option('--json', 'print what happens as lines of JSON; the steps go to stderr', false)
    .action(async (files: string[], options: Omit<LocalOptions, 'files'>) => {
      exitWith(await local({ ...options, files }, terminal));
    });
  addHelp(command, {
    examples: [
      ['local', 'keep it up until Ctrl-C, with a page to drop files on'],
      ['local --once my.csv', 'run one file through, then take everything down'],
      ['local --once --json', 'for a script: the last line tells the outcome'],
    ],
    exits: {
      [Exit.ok]: 'with --once: every job succeeded',
      [Exit.jobFailed]: 'with --once: a job failed, its receipt says why',
      [Exit.usage]: 'the arguments, a file or a setting cannot be used',
      [Exit.missing]: 'a tool is missing, or a local cloud of this checkout runs already',
      [Exit.broken]: 'Terraform or the local cloud broke; with --once, too: no admission or no stop in time',
      [Exit.interrupted]: 'interrupted (Ctrl-C), as it always ends without --once',
    },
  });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1024 && port <= 65_535) return port;
  throw new InvalidArgumentError('A port is a whole number from 1024 to 65535.');
}

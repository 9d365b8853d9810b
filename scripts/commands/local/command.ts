import { type Command, InvalidArgumentError, Option } from 'commander';
import { addHelp } from '../../console/command-help';
import type { CommandContext } from '../../console/command-line';
import { Exit } from '../../console/exit';
import { settingsPipelineOption } from '../options';
import { type LocalOptions, local } from './local';
import { openShell } from './shell';

export function addLocal(root: Command, { terminal, exitWith }: CommandContext): void {
  const command = root
    .command('local')
    .description('run everything on this machine: a local cloud, the deployed functions, the model')
    .argument('[FILE...]', 'files to upload (default: the sample of the example model)')
    .option('--once', 'shut everything down when the results exist and the instance has stopped', false)
    .option('--port <N>', 'port of the local cloud on 127.0.0.1 (default: a free port)', portNumber)
    .addOption(
      new Option(
        '--timings <WHICH>',
        'delays of the local cloud: seconds (people), milliseconds (tests), as on AWS (real)',
      )
        .choices(['people', 'tests', 'real'])
        .default('people'),
    )
    .addOption(
      new Option(
        '--machine <KIND>',
        'the instance: a folder and processes (sandbox), or a container with systemd (systemd; Linux, root)',
      )
        .choices(['sandbox', 'systemd'])
        .default('sandbox'),
    )
    .option('--shell', 'open a shell in the systemd machine of the local cloud that is running', false)
    .addOption(settingsPipelineOption())
    .option('--json', 'print events as lines of JSON; steps go to stderr', false)
    .action(
      async (files: string[], { shell, ...options }: Omit<LocalOptions, 'files'> & { shell: boolean }) => {
        exitWith(shell ? await openShell() : await local({ ...options, files }, terminal));
      },
    );
  addHelp(command, {
    examples: [
      ['local', 'run until Ctrl-C, with a page for uploads'],
      ['local --once my.csv', 'run one file, then shut everything down'],
      ['local --machine systemd', 'the instance is a machine with systemd, as on AWS'],
      ['local --shell', 'in another terminal: a shell in that machine, as root'],
      ['local --once --json', 'for a script: the last line has the outcome'],
    ],
    exits: {
      [Exit.ok]: 'with --once: every job succeeded',
      [Exit.jobFailed]: 'with --once: a job failed (its receipt has the error)',
      [Exit.usage]: 'an argument, a file or a setting is not valid',
      [Exit.missing]: 'a tool is missing, or a local cloud of this checkout is already running',
      [Exit.broken]: 'Terraform or the local cloud failed; with --once: also no admission or no stop in time',
      [Exit.interrupted]: 'interrupted (Ctrl-C); the only end without --once',
    },
  });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1024 && port <= 65_535) return port;
  throw new InvalidArgumentError('A port is a whole number from 1024 to 65535.');
}

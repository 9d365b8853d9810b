import type { Command } from 'commander';
import { EXITS, addHelp } from '../../console/command-help';
import type { CommandContext } from '../../console/command-line';
import { Exit } from '../../console/exit';
import { catchInterrupts } from '../../console/interrupt';
import { withTarget } from '../options';
import { type SubmitOptions, submit } from './submit';

export function addSubmit(root: Command, { terminal, exitWith }: CommandContext): void {
  const command = withTarget(root.command('submit'))
    .description('upload files, and folders of files, to a pipeline; with --wait, show their results')
    .argument('<FILE...>')
    .option('--model <M>', 'the model that is to run them; its prefix is put before the file names')
    .option('--prefix <P>', 'put before the file names to make their keys', '')
    .option('--wait', 'wait for the results, copy them, show their first lines', false)
    .option('--out <DIR>', 'where the copies of the results go', 'results')
    .option('--json', 'print the outcome as JSON; the steps go to stderr', false)
    .action(async (files: string[], options: Omit<SubmitOptions, 'files'>) => {
      exitWith(await submit({ ...options, files }, terminal, catchInterrupts().signal));
    });
  addHelp(command, {
    examples: [
      ['submit patients.csv --wait', 'upload, wait, show the results'],
      ['submit folder --model my-model', 'every file in it that this model takes'],
      ['submit a.csv b.csv --wait --json', 'for a script'],
    ],
    exits: {
      ...EXITS.pipeline,
      [Exit.ok]: 'all is uploaded; with --wait: every job succeeded',
      [Exit.jobFailed]: 'with --wait: a job failed, its receipt says why',
      [Exit.usage]: 'the arguments or a file cannot be used, or no model takes it; nothing was uploaded',
      [Exit.broken]: 'AWS or the local cloud refused or broke; of several files some may be uploaded',
      [Exit.interrupted]: 'interrupted (Ctrl-C); no file is uploaded by half, jobs go on',
    },
  });
}

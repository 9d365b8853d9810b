import type { Command } from 'commander';
import { EXITS, addHelp } from '../../console/command-help';
import type { CommandContext } from '../../console/command-line';
import { Exit } from '../../console/exit';
import { catchInterrupts } from '../../console/interrupt';
import { withTarget } from '../options';
import { type SubmitOptions, submit } from './submit';

export function addSubmit(root: Command, { terminal, exitWith }: CommandContext): void {
  const command = withTarget(root.command('submit'))
    .description('upload files and folders to a pipeline; with --wait, show the results')
    .argument('<FILE...>')
    .option('--model <M>', 'model that runs the files; its prefix is put before the file names')
    .option('--prefix <P>', 'prefix of the keys, put before the file names', '')
    .option('--wait', 'wait for the results, copy them and show their first lines', false)
    .option('--out <DIR>', 'folder for the copies of the results', 'results')
    .option('--json', 'print the outcome as JSON; steps go to stderr', false)
    .action(async (files: string[], options: Omit<SubmitOptions, 'files'>) => {
      exitWith(await submit({ ...options, files }, terminal, catchInterrupts().signal));
    });
  addHelp(command, {
    examples: [
      ['submit patients.csv --wait', 'upload, wait, show the results'],
      ['submit folder --model my-model', 'every file in it that the model accepts'],
      ['submit a.csv b.csv --wait --json', 'for a script'],
    ],
    exits: {
      ...EXITS.pipeline,
      [Exit.ok]: 'every file is uploaded; with --wait: every job succeeded',
      [Exit.jobFailed]: 'with --wait: a job failed (its receipt has the error)',
      [Exit.usage]: 'an argument or a file is not valid, or no model accepts the file; nothing was uploaded',
      [Exit.broken]: 'AWS or the local cloud refused or failed; some of the files may be uploaded',
      [Exit.interrupted]: 'interrupted (Ctrl-C); no file is partly uploaded, and jobs continue',
    },
  });
}

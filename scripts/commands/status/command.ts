import type { Command } from 'commander';
import { EXITS } from '../../console/command-help';
import type { CommandContext } from '../../console/command-line';
import { Exit } from '../../console/exit';
import type { PipelineOptions } from '../../pipeline/connect';
import { pipelineCommand } from '../options';
import { status } from './status';
import { watchStatus } from './watch';

export function addStatus(root: Command, { terminal }: CommandContext): void {
  pipelineCommand(
    root,
    'status',
    'show a pipeline: instance, on-time today, gate, open jobs, latest receipts',
    {
      examples: [
        ['status', 'once'],
        ['status --watch --json', 'for a script: a line for each change'],
      ],
      exits: { ...EXITS.pipeline, [Exit.interrupted]: 'interrupted (Ctrl-C); the only end of --watch' },
    },
  )
    .option('--watch', 'show it again whenever it changes, until Ctrl-C', false)
    .action(async (options: PipelineOptions & { readonly watch: boolean }) => {
      if (options.watch) await watchStatus(options, terminal);
      else await status(options, terminal);
    });
}

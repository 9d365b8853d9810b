import type { Command } from 'commander';
import { EXITS } from '../console/command-help';
import type { CommandContext } from '../console/command-line';
import { Exit } from '../console/exit';
import { print } from '../console/print';
import { type PipelineOptions, connect, jsonOf } from '../pipeline/connect';
import { type ListOptions, listJobs, listLines } from '../pipeline/list-jobs';
import { countUpTo, pipelineCommand, sinceOption } from './options';

export function addList(root: Command, { terminal }: CommandContext): void {
  pipelineCommand(root, 'list', 'list the open jobs, then the ended jobs, latest first', {
    examples: [['list --failed --since 2d', 'failed jobs and their errors']],
    exits: { ...EXITS.pipeline, [Exit.ok]: 'done, even if jobs have failed' },
  })
    .option('--failed', 'only failed jobs', false)
    .addOption(sinceOption('only jobs that ended in this time'))
    .option('--limit <N>', 'maximum number of jobs', countUpTo(10_000), 50)
    .action(async (options: PipelineOptions & ListOptions) => {
      const handle = await connect(options, terminal);
      const now = Date.now();
      const listed = await listJobs(handle, options, now);
      if (options.json) terminal.out(jsonOf('list', handle, listed));
      else print(terminal, listLines(listed, options, now, terminal));
    });
}

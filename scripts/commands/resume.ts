import type { Command } from 'commander';
import { EXITS, addHelp } from '../console/command-help';
import type { CommandContext } from '../console/command-line';
import { type OperationOptions, operate } from '../pipeline/connect';
import { resume } from '../pipeline/orders';
import { pipelineCommand } from './options';

export function addResume(root: Command, { terminal }: CommandContext): void {
  const command = pipelineCommand(
    root,
    'resume',
    'end a pause, also a pause by the breaker, and run the open jobs',
  ).action((options: OperationOptions) => operate('resume', options, terminal, resume));
  addHelp(command, { examples: [['resume', 'after pause, or after the breaker']], exits: EXITS.order });
}

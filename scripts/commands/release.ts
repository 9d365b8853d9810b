import type { Command } from 'commander';
import { EXITS, addHelp } from '../console/command-help';
import type { CommandContext } from '../console/command-line';
import { type OperationOptions, operate } from '../pipeline/connect';
import { release } from '../pipeline/orders';
import { pipelineCommand } from './options';

export function addRelease(root: Command, { terminal }: CommandContext): void {
  const command = pipelineCommand(
    root,
    'release',
    'end a hold, and stop the instance if no job is open',
  ).action((options: OperationOptions) => operate('release', options, terminal, release));
  addHelp(command, { examples: [['release', 'after hold or warm']], exits: EXITS.order });
}

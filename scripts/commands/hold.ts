import type { Command } from 'commander';
import { EXITS, addHelp } from '../console/command-help';
import type { CommandContext } from '../console/command-line';
import { type OperationOptions, operate } from '../pipeline/connect';
import { hold } from '../pipeline/orders';
import { pipelineCommand, reasonOption } from './options';

export function addHold(root: Command, { terminal }: CommandContext): void {
  const command = pipelineCommand(root, 'hold', 'keep the instance from stopping')
    .addOption(reasonOption())
    .action((options: OperationOptions & { readonly why?: string }) =>
      operate('hold', options, terminal, (handle) => hold(handle, options.why)),
    );
  addHelp(command, { examples: [['hold --why "debugging"', 'until release']], exits: EXITS.order });
}

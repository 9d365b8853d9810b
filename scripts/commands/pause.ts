import type { Command } from 'commander';
import { EXITS, addHelp } from '../console/command-help';
import type { CommandContext } from '../console/command-line';
import { type OperationOptions, operate } from '../pipeline/connect';
import { pause } from '../pipeline/orders';
import { pipelineCommand, reasonOption } from './options';

export function addPause(root: Command, { terminal }: CommandContext): void {
  const command = pipelineCommand(root, 'pause', 'keep the instance from starting; uploads queue')
    .addOption(reasonOption())
    .action((options: OperationOptions & { readonly why?: string }) =>
      operate('pause', options, terminal, (handle) => pause(handle, options.why)),
    );
  addHelp(command, { examples: [['pause --why "new model tomorrow"', 'until resume']], exits: EXITS.order });
}

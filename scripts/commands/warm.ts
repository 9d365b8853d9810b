import type { Command } from 'commander';
import { EXITS, addHelp } from '../console/command-help';
import type { CommandContext } from '../console/command-line';
import { Exit } from '../console/exit';
import { type OperationOptions, operate } from '../pipeline/connect';
import { warm } from '../pipeline/orders';
import { pipelineCommand, reasonOption } from './options';

export function addWarm(root: Command, { terminal }: CommandContext): void {
  const command = pipelineCommand(
    root,
    'warm',
    'start the instance now and hold it, so that the next upload runs at once',
  )
    .addOption(reasonOption())
    .action((options: OperationOptions & { readonly why?: string }) =>
      operate('warm', options, terminal, (handle) => warm(handle, options.why)),
    );
  addHelp(command, {
    examples: [['warm --why "demo at 3"', 'until release']],
    exits: { ...EXITS.order, [Exit.usage]: 'an argument is not valid, or the pipeline is paused' },
  });
}

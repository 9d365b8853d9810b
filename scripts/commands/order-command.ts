import { EXITS, type Help } from '../console/command-help';
import type { AddCommand } from '../console/command-line';
import {
  type CommandResult,
  type PipelineOptions,
  type PipelineHandle,
  runOnPipeline,
} from '../pipeline/connect';
import { pipelineCommand } from './options';

/** A command that gives an order on the instance. `why` is the text that the order carries. */
export function orderCommand(
  name: string,
  description: string,
  { takesReason = false, ...help }: Partial<Help> & Pick<Help, 'examples'> & { takesReason?: boolean },
  act: (handle: PipelineHandle, why: string | undefined) => Promise<CommandResult>,
): AddCommand {
  return (root, { terminal }) => {
    const command = pipelineCommand(root, name, description, { exits: EXITS.order, ...help });
    if (takesReason) command.option('--why <TEXT>', 'reason, shown to other users');
    command.action((options: PipelineOptions & { readonly why?: string }) =>
      runOnPipeline(name, options, terminal, (handle) => act(handle, options.why)),
    );
  };
}

import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { EXITS, addHelp } from '../console/command-help';

/** Adds `complete SHELL`, which prints a completion script for the commands and options that the root already has. */
export function addComplete(root: Command): void {
  tab(root);
  const command = root.commands.find((one) => one.name() === 'complete');
  if (!command) throw new Error('@bomb.sh/tab did not add the command "complete".');
  addHelp(command, {
    examples: [['source <(lamplighter complete bash)', 'in ~/.bashrc']],
    exits: EXITS.basic,
  });
}

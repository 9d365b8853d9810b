import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';

/** Adds `complete SHELL`, which prints a script that completes all the commands and options that the root has by now. */
export function completeCommands(root: Command): void {
  tab(root);
}

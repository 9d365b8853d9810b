import { Command, CommanderError } from 'commander';
import { EXITS, exitCodes } from './command-help';
import { Exit, type ExitCode } from './exit';
import { explain } from './explain';
import type { Terminal } from './terminal';

/** What a command can use while it runs. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Sets the exit code of the process. @default Exit.ok */
  readonly exitWith: (code: ExitCode) => void;
}

/** Adds one command, with its options, its help and its action. */
export type AddCommand = (root: Command, context: CommandContext) => void;

const EXAMPLES = `
Examples:
  lamplighter local --once                 run everything once, then shut it down
  lamplighter local                        run the local cloud until Ctrl-C
  lamplighter submit patients.csv --wait   upload, wait, show the results
  lamplighter status --json                for scripts
  lamplighter plan --markdown plan.md      what a deploy would change, for a reviewer
  lamplighter list --failed --since 2d     failed jobs and their errors
  eval "$(lamplighter env)"                use aws, terraform and cdktf with the local cloud
  source <(lamplighter complete bash)      complete commands and options; also zsh, fish, powershell

${exitCodes(EXITS.all)}`;

/** Runs the command that the arguments name, and returns its exit code. Never throws. */
export async function runCommandLine(
  commands: readonly AddCommand[],
  version: () => string,
  args: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  let exitCode: ExitCode = Exit.ok;
  const context: CommandContext = {
    terminal,
    exitWith: (code) => {
      exitCode = code;
    },
  };
  try {
    const root = rootCommand(version(), terminal);
    for (const add of commands) add(root, context);
    await root.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.ok : Exit.usage;
    const explained = explain(error);
    if (explained.exitCode !== Exit.interrupted) terminal.err(`lamplighter: ${explained.message}`);
    return explained.exitCode;
  }
}

function rootCommand(version: string, terminal: Terminal): Command {
  return new Command('lamplighter')
    .description('Runs a model on an EC2 instance whenever a file lands in a bucket.')
    .version(version)
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(lamplighter --help lists the commands)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    });
}

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { env } from './commands/env';
import { addEstimate } from './commands/estimate';
import { type LocalOptions, local } from './commands/local/local';
import { type PlanOptions, plan } from './commands/plan';
import { status } from './commands/status/status';
import { submit } from './commands/submit/submit';
import { watchStatus } from './commands/status/watch';
import { addCommandHelp, exitCodes } from './console/command-help';
import { completeCommands } from './commands/complete';
import { type Terminal, processTerminal } from './console/terminal';
import { Exit, type ExitCode } from './console/exit';
import { explain } from './console/explain';
import { catchInterrupts } from './console/interrupt';
import { addJobs } from './commands/jobs';
import { type CommandLine, addOperations } from './commands/operations';
import { CLOUDS, type CloudChoice } from './pipeline/target';
import { PROJECT } from './tools/project';
import { addReport } from './commands/report-line';

/** Runs the command line and says how it ended; it never throws. */
export async function main(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<ExitCode> {
  const end: { code: ExitCode } = { code: Exit.ok };
  try {
    await program(terminal, end).parseAsync([...args], { from: 'user' });
    return end.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.ok : Exit.usage;
    const { message, exitCode } = explain(error);
    if (exitCode !== Exit.interrupted) terminal.err(`lamplighter: ${message}`);
    return exitCode;
  }
}

const EXAMPLES = `
Examples:
  lamplighter local --once                 watch the whole thing once, then take it down
  lamplighter local                        keep the local cloud up until Ctrl-C
  lamplighter submit patients.csv --wait   upload, wait, show the results
  lamplighter status --json                for scripts
  lamplighter plan --markdown plan.md      what a deploy would change, for a reviewer
  lamplighter list --failed --since 2d     what has failed, and why
  eval "$(lamplighter env)"                plain aws, terraform, cdktf against the local cloud
  source <(lamplighter complete bash)      completes commands and options; zsh, fish, powershell too

${exitCodes()}`;

function program(terminal: Terminal, end: { code: ExitCode }): Command {
  const root = new Command('lamplighter')
    .description('Runs a model on an EC2 instance whenever a file lands in a bucket.')
    .version(version())
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(lamplighter --help shows what there is)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    });

  root
    .command('local')
    .description('run everything on this machine: a local cloud, the deployed functions, the model')
    .argument('[FILE...]', 'what to upload; the sample of the example model if none is named')
    .option('--once', 'take everything down when the results are there and the instance has stopped', false)
    .option('--port <N>', 'port of the local cloud on 127.0.0.1 (a free one if not said)', portNumber)
    .addOption(
      new Option(
        '--timings <WHICH>',
        'how long the cloud takes for things: seconds, milliseconds, as AWS does',
      )
        .choices(['people', 'tests', 'real'])
        .default('people'),
    )
    .option('--pipeline <NAME>', 'which pipeline of cdktf.json, if there are several')
    .option('--json', 'print what happens as lines of JSON; the steps go to stderr', false)
    .action(async (files: string[], options: Omit<LocalOptions, 'files'>) => {
      end.code = await local({ ...options, files }, terminal);
    });

  withTarget(root.command('submit'))
    .description('upload files, and folders of files, to a pipeline; with --wait, show their results')
    .argument('<FILE...>')
    .option('--model <M>', 'the model that is to run them; its prefix is put before the file names')
    .option('--prefix <P>', 'put before the file names to make their keys', '')
    .option('--wait', 'wait for the results, copy them, show their first lines', false)
    .option('--out <DIR>', 'where the copies of the results go', 'results')
    .option('--json', 'print the outcome as JSON; the steps go to stderr', false)
    .action(async (files: string[], options: SubmitArguments) => {
      const interrupt = catchInterrupts(
        () => undefined,
        () => undefined,
      );
      end.code = await submit({ ...options, files }, terminal, interrupt.signal);
    });

  withTarget(root.command('status'))
    .description('show a pipeline: its instance, on-time of today, gate, open jobs, latest receipts')
    .option('--json', 'print it as JSON', false)
    .option('--watch', 'show it anew whenever it changes, until Ctrl-C', false)
    .action(async (options: TargetArguments & { json: boolean; watch: boolean }) => {
      if (options.watch) await watchStatus(options, terminal);
      else await status(options, terminal);
    });

  const line: CommandLine = {
    ...{ terminal, withTarget, explain },
    end: (code) => {
      end.code = code;
    },
  };
  addJobs(root, line);
  addOperations(root, line);
  addReport(root, { terminal, withTarget });

  addEstimate(root, line);

  root
    .command('plan')
    .description(
      'show what a deploy would change: resources, permissions, findings, price; it changes nothing',
    )
    .option('--pipeline <NAME>', 'which pipeline of cdktf.json, if there are several')
    .addOption(
      new Option('--cloud <WHICH>', 'the running local cloud, or AWS; the local one if it runs').choices(
        CLOUDS,
      ),
    )
    .option('--destroy', 'show what destroying the pipeline would do', false)
    .option('--markdown <FILE>', 'write the page as Markdown, too')
    .option('--json', 'print it as JSON; the steps go to stderr', false)
    .option('--allow-data-loss', 'do not refuse a plan that destroys or replaces what holds data', false)
    .option('--allow-interruption', 'do not refuse to stop the instance while jobs are open', false)
    .action(async (options: PlanOptions) => {
      end.code = await plan(options, terminal);
    });

  root
    .command('env')
    .description('print variables for a shell in which aws, terraform and cdktf use the running local cloud')
    .option('--json', 'print the variables as JSON', false)
    .action(async (options: { json: boolean }) => {
      await env(options, terminal);
    });

  completeCommands(root);
  addCommandHelp(root);
  return root;
}

interface TargetArguments {
  readonly cloud?: CloudChoice;
  readonly region?: string;
  readonly pipeline?: string;
}

interface SubmitArguments extends TargetArguments {
  readonly model?: string;
  readonly prefix: string;
  readonly wait: boolean;
  readonly out: string;
  readonly json: boolean;
}

function withTarget(command: Command): Command {
  return command
    .option('--pipeline <NAME>', 'which pipeline; the only one, if there is only one')
    .addOption(
      new Option('--cloud <WHICH>', 'the running local cloud, or AWS; the local one if it runs').choices(
        CLOUDS,
      ),
    )
    .option('--region <REGION>', "AWS region; else AWS_REGION's, else cdktf.json's");
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1024 && port <= 65_535) return port;
  throw new InvalidArgumentError('A port is a whole number from 1024 to 65535.');
}

function version(): string {
  const { version: text } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
    version: string;
  };
  return text;
}

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidInputError, LamplighterError, awsCodeOf, messageOf } from '../lifecycle/errors';
import { env } from './commands/env';
import { local } from './commands/local';
import { type PlanOptions, plan } from './commands/plan';
import { status } from './commands/status';
import { submit } from './commands/submit';
import { type Terminal, processTerminal } from './console/terminal';
import { CommandError, Exit, type ExitCode } from './exit';
import { catchInterrupts } from './interrupt';
import { addOperations } from './operations/commands';
import { CLOUDS, type CloudChoice } from './pipeline/target';
import { PROJECT } from './project';
import { addReport } from './report/command-line';

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
  eval "$(lamplighter env)"                plain aws, terraform, cdktf against the local cloud

Exit codes:
  0    done
  1    a job failed: its receipt says why
  2    the arguments, a file or a setting cannot be used; a plan is refused
  3    something is missing: a tool, credentials, a running local cloud, a pipeline
  4    Terraform, AWS or the local cloud refused or broke
  130  interrupted (Ctrl-C)`;

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
    .action(
      async (
        files: string[],
        options: { once: boolean; port?: number; timings: 'people'; pipeline?: string },
      ) => {
        end.code = await local({ ...options, files }, terminal);
      },
    );

  withTarget(root.command('submit'))
    .description('upload files to a pipeline; with --wait, show their results')
    .argument('<FILE...>')
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
    .description('show a pipeline: its instance, gate, open jobs and latest receipts')
    .option('--json', 'print it as JSON', false)
    .action(async (options: TargetArguments & { json: boolean }) => {
      await status(options, terminal);
    });

  addOperations(root, {
    ...{ terminal, withTarget, explain },
    end: (code) => {
      end.code = code;
    },
  });
  addReport(root, { terminal, withTarget });

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
    .addHelpText(
      'after',
      '\nExample:\n  eval "$(npx lamplighter env)" && npx cdktf deploy --skip-provider-lock',
    )
    .action(async () => {
      await env(terminal);
    });

  return root;
}

interface TargetArguments {
  readonly cloud?: CloudChoice;
  readonly region?: string;
  readonly pipeline?: string;
}

interface SubmitArguments extends TargetArguments {
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

/** What went wrong, in words for the person at the terminal, and the exit code. */
export function explain(error: unknown): { message: string; exitCode: ExitCode } {
  if (error instanceof CommandError) return { message: error.message, exitCode: error.exitCode };
  if (error instanceof InvalidInputError) return { message: error.message, exitCode: Exit.usage };
  if (error instanceof LamplighterError) return { message: error.message, exitCode: Exit.broken };
  const code = awsCodeOf(error);
  const text = messageOf(error);
  if (code !== undefined && CREDENTIALS.has(code)) {
    return {
      message: `AWS does not know who you are (${text}). Sign in as usual (aws configure, aws sso login, AWS_PROFILE), or start the local cloud: npm start`,
      exitCode: Exit.missing,
    };
  }
  if (text === 'Region is missing') {
    return { message: 'Which AWS region? Say --region REGION or set AWS_REGION.', exitCode: Exit.missing };
  }
  return { message: code === undefined ? text : `${code}: ${text}`, exitCode: Exit.broken };
}

const CREDENTIALS = new Set([
  'CredentialsProviderError',
  'TokenProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'InvalidAccessKeyId',
  'AuthFailure',
]);

function version(): string {
  const { version: text } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
    version: string;
  };
  return text;
}

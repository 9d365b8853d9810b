import type { Command } from 'commander';
import { Exit, type ExitCode } from './exit';

/** The meaning of each exit code that a command can end with. */
type ExitTexts = Readonly<Partial<Record<ExitCode, string>>>;

/** What `--help` of one command shows below its options. */
export interface Help {
  /** A command line without `lamplighter`, unless `lamplighter` is in its middle; and its purpose, or ''. */
  readonly examples: readonly (readonly [string, string])[];
  readonly exits: ExitTexts;
}

const ALL: Readonly<Record<ExitCode, string>> = {
  [Exit.ok]: 'done',
  [Exit.jobFailed]: 'a job failed (its receipt has the error), or an upload has no receipt (audit)',
  [Exit.usage]: 'an argument, a file or a setting is not valid, or a plan is refused',
  [Exit.missing]: 'a tool, credentials, a running local cloud or a pipeline is missing',
  [Exit.broken]: 'Terraform, AWS or the local cloud refused or failed',
  [Exit.interrupted]: 'interrupted (Ctrl-C)',
};

const BASIC = {
  [Exit.ok]: ALL[Exit.ok],
  [Exit.usage]: 'an argument is not valid',
  [Exit.interrupted]: ALL[Exit.interrupted],
};

const PIPELINE = {
  ...BASIC,
  [Exit.usage]: 'an argument is not valid, or no pipeline or several pipelines match',
  [Exit.missing]: 'credentials, the running local cloud or a deployed pipeline is missing',
  [Exit.broken]: 'AWS or the local cloud refused or failed',
};

/** The texts that several commands share. Each command's file replaces those that have a special meaning there. */
export const EXITS = {
  /** Every code, in general words. */
  all: ALL,
  /** Of a command that only reads its arguments. */
  basic: BASIC,
  /** Of a command that reads or changes a pipeline. */
  pipeline: PIPELINE,
  /** Of a command that gives an order, such as `pause`. */
  order: { ...PIPELINE, [Exit.ok]: 'done, or there was nothing to do' },
};

/** Adds examples and exit codes to the end of a command's help. */
export function addHelp(command: Command, { examples, exits }: Help): void {
  const title = examples.length === 1 ? 'Example' : 'Examples';
  command.addHelpText('after', `\n${title}:\n${exampleLines(examples)}\n\n${exitCodes(exits)}`);
}

export function exitCodes(texts: ExitTexts): string {
  const lines = Object.entries(texts).map(([code, text]) => `  ${code.padEnd(5)}${text}`);
  return ['Exit codes:', ...lines].join('\n');
}

function exampleLines(examples: Help['examples']): string {
  const typed = examples.map(([line, purpose]) => ({
    line: line.includes('lamplighter') ? line : `lamplighter ${line}`,
    purpose,
  }));
  const width = Math.max(...typed.map(({ line, purpose }) => (purpose === '' ? 0 : line.length)));
  return typed.map(({ line, purpose }) => `  ${line.padEnd(width)}   ${purpose}`.trimEnd()).join('\n');
}

import { LamplighterError } from '../../lifecycle/errors';

/** Exit codes, for scripts that call the command line. */
export const Exit = {
  ok: 0,
  /** The command worked, but a job failed. */
  jobFailed: 1,
  /** An argument, a file or a setting cannot be used. */
  usage: 2,
  /** A precondition is missing: a tool, credentials, a running local cloud, a pipeline. */
  missing: 3,
  /** Terraform, AWS or the local cloud refused or failed. */
  broken: 4,
  /** Ctrl-C (128 + SIGINT). */
  interrupted: 130,
} as const;

export type ExitCode = (typeof Exit)[keyof typeof Exit];

/** An error that sets the exit code. */
export abstract class CommandError extends LamplighterError {
  abstract readonly exitCode: ExitCode;
}

/** An argument, a file or a setting cannot be used. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError';
  readonly exitCode = Exit.usage;
}

/** A precondition is missing. The message says how to get it. */
export class MissingError extends CommandError {
  override readonly name = 'MissingError';
  readonly exitCode = Exit.missing;
}

/** A tool, AWS or the local cloud refused or failed. */
export class BrokenError extends CommandError {
  override readonly name = 'BrokenError';
  readonly exitCode = Exit.broken;
}

/** The user pressed Ctrl-C, or another signal ended the command. */
export class InterruptedError extends CommandError {
  override readonly name = 'InterruptedError';
  readonly exitCode = Exit.interrupted;

  constructor() {
    super('interrupted');
  }
}

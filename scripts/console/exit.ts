import { LamplighterError } from '../../lifecycle/errors';

/** How the command line ends, for scripts that call it. */
export const Exit = {
  ok: 0,
  /** Everything worked, but a job's receipt says failed. */
  jobFailed: 1,
  /** The arguments, a file or a setting are not usable. */
  usage: 2,
  /** Something that must be there first is not: a tool, credentials, a running local cloud, a pipeline. */
  missing: 3,
  /** Terraform, AWS or the local cloud refused or broke. */
  broken: 4,
  /** Ctrl-C (128 + SIGINT). */
  interrupted: 130,
} as const;

export type ExitCode = (typeof Exit)[keyof typeof Exit];

/** An error that ends a command with a code of its own. */
export class CommandError extends LamplighterError {
  override readonly name: string = 'CommandError';

  constructor(
    message: string,
    readonly exitCode: ExitCode,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The arguments, a file or a setting are not usable. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError';

  constructor(message: string, options?: ErrorOptions) {
    super(message, Exit.usage, options);
  }
}

/** Something that must be there first is missing; the message says how to get it. */
export class MissingError extends CommandError {
  override readonly name = 'MissingError';

  constructor(message: string, options?: ErrorOptions) {
    super(message, Exit.missing, options);
  }
}

/** A tool, AWS or the local cloud refused or broke. */
export class BrokenError extends CommandError {
  override readonly name = 'BrokenError';

  constructor(message: string, options?: ErrorOptions) {
    super(message, Exit.broken, options);
  }
}

/** The user pressed Ctrl-C, or something ended us. */
export class InterruptedError extends CommandError {
  override readonly name = 'InterruptedError';

  constructor() {
    super('interrupted', Exit.interrupted);
  }
}

import { LamplighterError } from '../lifecycle/errors';
import type { EndCause, Receipt } from '../lifecycle/records';

/** Fields of a failed receipt besides `error`. */
export type FailureFacts = Partial<Pick<Receipt, 'startedAt' | 'exit' | 'stderrTail' | 'isolation'>>;

/** An attempt that the model ended. The kind, the message and the facts go into the receipt. */
abstract class Failure extends LamplighterError {
  constructor(
    readonly kind: string,
    message: string,
    readonly facts: FailureFacts = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Another attempt would fail in the same way, so the job ends with a failed receipt. */
export class JobFailure extends Failure {
  override readonly name = 'JobFailure';
}

/** The model ended the attempt, and its card allows another. The attempt counts towards `maxAttempts`. */
export class AttemptFailure extends Failure {
  override readonly name = 'AttemptFailure';
}

/** Anything but the model ended the attempt. It has a number, but does not count towards `maxAttempts`. */
export class Interruption extends LamplighterError {
  override readonly name: string = 'Interruption';

  constructor(
    readonly endCause: Exclude<EndCause, 'model'>,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** S3 refuses to read the input. */
export class InputRefusedError extends Interruption {
  override readonly name = 'InputRefusedError';

  constructor(message: string, options?: ErrorOptions) {
    super('storage', message, options);
  }
}

/** Something killed the model by SIGKILL, and it is not known what. The second time it counts as the model's doing. */
export class KilledError extends Interruption {
  override readonly name = 'KilledError';

  constructor(message: string) {
    super('machine', message);
  }
}

/** The drain received SIGTERM or SIGINT. */
export class InterruptedError extends Interruption {
  override readonly name = 'InterruptedError';

  constructor(message: string) {
    super('machine', message);
  }
}

/** Another writer has the claim. What the attempt does from now on has no effect. */
export class ClaimLostError extends LamplighterError {
  override readonly name = 'ClaimLostError';
}

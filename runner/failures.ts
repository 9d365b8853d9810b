import { LamplighterError } from '../lifecycle/errors';
import type { Receipt } from '../lifecycle/records';

/** Fields of a failed receipt besides `error`. */
export type FailureFacts = Partial<Pick<Receipt, 'startedAt' | 'exit' | 'stderrTail'>>;

/** A failed attempt. The kind, the message and the facts go into the receipt. */
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

/** Another attempt may succeed. The job ends with a failed receipt only if no attempt is left. */
export class AttemptFailure extends Failure {
  override readonly name = 'AttemptFailure';
}

/** Another drain has claimed the job, or the lease expired before the drain could renew it. */
export class LeaseLostError extends LamplighterError {
  override readonly name = 'LeaseLostError';

  constructor(
    message: string,
    /** True: another drain has claimed the job. */
    readonly takenOver: boolean,
  ) {
    super(message);
  }
}

/** The drain received SIGTERM or SIGINT. */
export class InterruptedError extends LamplighterError {
  override readonly name = 'InterruptedError';
}

/** The model card allows no further attempt. `previousEnding`: how the last attempt ended, if known. */
export function attemptsUsedUp(attempts: number, previousEnding: string | undefined): JobFailure {
  const message = `attempts used up: ${attempts} made (maxAttempts in model.json); end of the last one: ${previousEnding ?? 'unknown'}`;
  return new JobFailure('attempts used up', message);
}

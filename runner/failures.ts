import { LamplighterError } from '../lifecycle/errors';
import type { Receipt } from '../lifecycle/records';

/** What a receipt says of a failure, besides its error. */
export type FailureFacts = Partial<Pick<Receipt, 'startedAt' | 'exit' | 'stderrTail'>>;

/** An attempt failed, for a reason that can stand in a receipt. */
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

/** The job has failed for good: another attempt would end the same way. Becomes a failed receipt. */
export class JobFailure extends Failure {
  override readonly name = 'JobFailure';
}

/** This attempt has failed, another may succeed. A failed receipt only when no attempt is left. */
export class AttemptFailure extends Failure {
  override readonly name = 'AttemptFailure';
}

/** The job's claim belongs to somebody else now, or its lease ran out before it could be renewed. */
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

/** The drain was told to stop. */
export class InterruptedError extends LamplighterError {
  override readonly name = 'InterruptedError';
}

/** No attempt may be made any more; the last of them ended as said, as far as that is known. */
export function attemptsUsedUp(attempts: number, ending: string | undefined): JobFailure {
  const message = `attempts used up: ${attempts} made (maxAttempts in model.json); the last one ended so: ${ending ?? 'unknown'}`;
  return new JobFailure('attempts used up', message);
}

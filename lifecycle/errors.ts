/** Base of every error that Lamplighter raises on purpose; its message says what was wrong and what to do. */
export class LamplighterError extends Error {
  override readonly name: string = 'LamplighterError';
}

/** A record, setting, event or environment variable does not have the shape that it must have. */
export class InvalidInputError extends LamplighterError {
  override readonly name = 'InvalidInputError';
}

/** A conditional write met an object that another writer had changed (S3's 412, or 404 for If-Match). */
export class ConflictError extends LamplighterError {
  override readonly name = 'ConflictError';
}

/** The work cannot be done now but may be done later; the caller's platform should try again. */
export class RetryLaterError extends LamplighterError {
  override readonly name = 'RetryLaterError';
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The AWS error code of what an SDK client threw (`NoSuchKey`, `PreconditionFailed`, …), or undefined. */
export function awsCodeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && thrown.name !== 'Error' ? thrown.name : undefined;
}

/** The HTTP status of what an SDK client threw, or undefined. */
export function httpStatusOf(thrown: unknown): number | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('$metadata' in thrown)) return undefined;
  const metadata = thrown.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

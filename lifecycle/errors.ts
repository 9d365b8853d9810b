/** Base class of every error that Lamplighter throws on purpose. The message gives the problem and the remedy. */
export class LamplighterError extends Error {
  override readonly name: string = 'LamplighterError';
}

/** A record, setting, event or environment variable has an invalid shape. */
export class InvalidInputError extends LamplighterError {
  override readonly name: string = 'InvalidInputError';
}

/** A record was written by a newer release. This release neither changes nor deletes it. */
export class NewerVersionError extends InvalidInputError {
  override readonly name = 'NewerVersionError';
}

/** A conditional write found an object that another writer had changed (S3's 412, or 404 for If-Match). */
export class ConflictError extends LamplighterError {
  override readonly name = 'ConflictError';
}

/** The work is not possible now but may be later. The caller's platform should retry. */
export class RetryLaterError extends LamplighterError {
  override readonly name = 'RetryLaterError';
}

/** The text of any thrown value. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The AWS code of an SDK client's error (`NoSuchKey`, `PreconditionFailed`, …), or undefined. */
export function awsCodeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && thrown.name !== 'Error' ? thrown.name : undefined;
}

/** The HTTP status of an SDK client's error, or undefined. */
export function httpStatusOf(thrown: unknown): number | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('$metadata' in thrown)) return undefined;
  const metadata = thrown.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** The codes with which EC2, Lambda and SSM refuse a call because the account makes too many. */
const THROTTLED_CODES: readonly string[] = [
  'RequestLimitExceeded',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
];

/** Whether AWS refused a call, in each of the SDK's tries, because the account makes too many. */
export function isThrottled(error: unknown): boolean {
  return THROTTLED_CODES.includes(awsCodeOf(error) ?? '') || httpStatusOf(error) === 429;
}

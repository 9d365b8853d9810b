/** An error as the SDK throws it. Its name is AWS's error code. */
export function awsError(name: string, httpStatusCode: number): Error {
  // A stack is half of an error's cost, and no code reads it here.
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const error = Object.assign(new Error(name), {
    name,
    $fault: httpStatusCode >= 500 ? 'server' : 'client',
    $metadata: { httpStatusCode },
  });
  Error.stackTraceLimit = limit;
  return error;
}

/** An error as the SDK throws it: its name is AWS's code. */
export function awsError(name: string, httpStatusCode: number): Error {
  // Half of an error's price is its stack, which nobody reads here.
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

/** The system's code of an error that Node.js threw (`ENOENT`, `EEXIST`, `ECONNREFUSED`, …), or undefined. */
export function systemCodeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** The operating system's code in an error of a file or process call (`ENOENT`, `ENOSPC`, …), or undefined. */
export function errnoOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('syscall' in thrown) || !('code' in thrown))
    return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

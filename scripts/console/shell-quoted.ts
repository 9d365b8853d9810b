/** Text in single quotes: a POSIX shell changes nothing between them, but they cannot contain a single quote. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

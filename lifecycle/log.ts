/** A log of facts, one line of JSON each. A line never holds credentials or a whole environment. */
export type Log = Readonly<Record<'info' | 'warn' | 'error', Write>>;

type Write = (fact: string, details?: Record<string, unknown>) => void;

/** A log that adds `context` to every line, for example the pipeline's name and the request id. */
export function jsonLog(context: Record<string, unknown>, write = writeToStdout): Log {
  const line = (level: string) => (fact: string, details?: Record<string, unknown>) =>
    write(JSON.stringify({ time: new Date().toISOString(), level, fact, ...context, ...details }));
  return { info: line('info'), warn: line('warn'), error: line('error') };
}

/** A log that discards every line. */
export const silentLog: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

function writeToStdout(line: string): void {
  process.stdout.write(`${line}\n`);
}

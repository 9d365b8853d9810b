/** A log of facts, one line of JSON each. A line never holds credentials or a whole environment. */
export interface Log {
  info(fact: string, details?: Record<string, unknown>): void;
  warn(fact: string, details?: Record<string, unknown>): void;
  error(fact: string, details?: Record<string, unknown>): void;
}

type Write = (line: string) => void;

/** A log that adds `context` to every line, for example the pipeline's name and the request id. */
export function jsonLog(context: Record<string, unknown>, write: Write = writeToStdout): Log {
  const line =
    (level: string) =>
    (fact: string, details: Record<string, unknown> = {}) =>
      write(JSON.stringify({ time: new Date().toISOString(), level, fact, ...context, ...details }));
  return { info: line('info'), warn: line('warn'), error: line('error') };
}

/** A log that discards every line. */
export const silentLog: Log = { info: nothing, warn: nothing, error: nothing };

function nothing(): void {
  return undefined;
}

function writeToStdout(line: string): void {
  process.stdout.write(`${line}\n`);
}

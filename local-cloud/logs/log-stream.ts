import type { Timers } from '../clockwork/timers';

const FLUSH_MS = 300;

export interface LogStream {
  readonly name: string;
  write(line: string): void;
}

/** Calls an operation of CloudWatch Logs with the writer's permissions. Rejects if the call is denied. */
export type LogsCall = (operation: string, body: object) => Promise<unknown>;

/** Writes lines to a stream of a log group, best effort. A log group that does not exist gets nothing. */
export function openLogStream(
  timers: Timers,
  call: LogsCall,
  logGroupName: string,
  logStreamName: string,
): LogStream {
  const created = call('CreateLogStream', { logGroupName, logStreamName }).then(
    () => true,
    () => false,
  );
  let lines: { timestamp: number; message: string }[] = [];
  const flush = async () => {
    const logEvents = lines;
    lines = [];
    if (!(await created)) return;
    // The log group may have been destroyed meanwhile.
    await call('PutLogEvents', { logGroupName, logStreamName, logEvents }).catch(() => undefined);
  };
  const write = (message: string) => {
    // CloudWatch rejects an empty message.
    if (message === '') return;
    if (lines.length === 0) timers.after(FLUSH_MS, 'writing logs', flush);
    lines.push({ timestamp: Date.now(), message });
  };
  return { name: logStreamName, write };
}

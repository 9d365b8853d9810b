import { randomUUID } from 'node:crypto';
import { type LogStream, openLogStream } from './log-writer';
import type { MotoApi } from './moto-api';
import type { Timers } from './timers';

/** Puts what functions write into their log groups. */
export class FunctionLogs {
  constructor(
    private readonly moto: MotoApi,
    private readonly timers: Timers,
  ) {}

  openStream(logGroupName: string): LogStream {
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
    const logStreamName = `${day}/[$LATEST]${randomUUID().replaceAll('-', '')}`;
    const call = (operation: string, body: object) =>
      this.moto.json('logs', `Logs_20140328.${operation}`, body);
    return openLogStream(this.timers, call, logGroupName, logStreamName);
  }
}

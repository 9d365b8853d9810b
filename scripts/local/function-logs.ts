import { randomUUID } from 'node:crypto';
import type { Authorizer, RoleSession } from './authorize';
import { logStreamArn } from './iam-ask';
import type { MotoApi } from './moto-api';
import type { Timers } from './timers';

const FLUSH_MS = 300;

export interface LogStream {
  readonly name: string;
  write(line: string): void;
}

/**
 * Puts what functions write into their log groups, with their roles' permissions and best effort: a log group that is not
 * there, or that the role may not write, gets nothing.
 */
export class FunctionLogs {
  constructor(
    private readonly moto: MotoApi,
    private readonly timers: Timers,
    private readonly authorizer: Authorizer,
    private readonly region: string,
  ) {}

  openStream(logGroupName: string, session: RoleSession): LogStream {
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
    const logStreamName = `${day}/[$LATEST]${randomUUID().replaceAll('-', '')}`;
    const may = (operation: string) =>
      this.authorizer.permits(session, {
        action: `logs:${operation}`,
        resource: logStreamArn(this.region, logGroupName, logStreamName),
        context: {},
      });
    const create = async () => {
      if (!(await may('CreateLogStream'))) return false;
      await this.moto.json('logs', 'Logs_20140328.CreateLogStream', { logGroupName, logStreamName });
      return true;
    };
    const created = create().catch(() => false);
    let lines: { timestamp: number; message: string }[] = [];
    const flush = async () => {
      const logEvents = lines;
      lines = [];
      if (!(await created) || !(await may('PutLogEvents'))) return;
      await this.moto
        .json('logs', 'Logs_20140328.PutLogEvents', { logGroupName, logStreamName, logEvents })
        // The log group may have been destroyed meanwhile.
        .catch(() => undefined);
    };
    const write = (message: string) => {
      // CloudWatch refuses an empty message.
      if (message === '') return;
      if (lines.length === 0) this.timers.after(FLUSH_MS, 'writing logs', flush);
      lines.push({ timestamp: Date.now(), message });
    };
    return { name: logStreamName, write };
  }
}

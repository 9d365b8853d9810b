import { randomUUID } from 'node:crypto';
import { logStreamArn } from '../wire/arn';
import type { Permits, RoleSession } from '../wire/caller';
import { type LogStream, openLogStream } from './log-stream';
import type { MotoApi } from '../moto/moto-api';
import type { Timers } from '../clockwork/timers';

/** Writes the functions' output to their log groups, with their roles' permissions. */
export class FunctionLogs {
  constructor(
    private readonly moto: MotoApi,
    private readonly timers: Timers,
    private readonly permits: Permits,
    private readonly region: string,
  ) {}

  openStream(logGroupName: string, session: RoleSession): LogStream {
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
    const logStreamName = `${day}/[$LATEST]${randomUUID().replaceAll('-', '')}`;
    const call = async (operation: string, body: object) => {
      const allowed = await this.permits(session, {
        action: `logs:${operation}`,
        resource: logStreamArn(this.region, logGroupName, logStreamName),
      });
      if (!allowed) throw new Error(`the function's role may not ${operation} in ${logGroupName}`);
      return this.moto.json('logs', `Logs_20140328.${operation}`, body);
    };
    return openLogStream(this.timers, call, logGroupName, logStreamName);
  }
}

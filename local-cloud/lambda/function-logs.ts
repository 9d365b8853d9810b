import { randomUUID } from 'node:crypto';
import type { Authorizer, RoleSession } from '../iam/authorize';
import { logStreamArn } from '../iam/ask';
import { type LogStream, openLogStream } from '../logs/log-writer';
import type { MotoApi } from '../moto/moto-api';
import type { Timers } from '../clockwork/timers';

/** Puts what functions write into their log groups, with their roles' permissions. */
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
    const call = async (operation: string, body: object) => {
      const allowed = await this.authorizer.permits(session, {
        action: `logs:${operation}`,
        resource: logStreamArn(this.region, logGroupName, logStreamName),
        context: {},
      });
      if (!allowed) throw new Error(`the function's role may not ${operation} in ${logGroupName}`);
      return this.moto.json('logs', `Logs_20140328.${operation}`, body);
    };
    return openLogStream(this.timers, call, logGroupName, logStreamName);
  }
}

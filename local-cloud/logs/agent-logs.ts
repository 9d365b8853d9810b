import { messageOf } from '../../lifecycle/errors';
import type { OpenStepLog } from '../machine/port';
import { type LogsCall, openLogStream } from './log-stream';
import type { Report } from '../clockwork/events';
import type { Timers } from '../clockwork/timers';
import type { RoleCredentials } from '../wire/caller';

/** Sends a command's output to the log group of its sender's choice, as an agent does: with the instance's own permissions. */
export class AgentLogs {
  constructor(
    private readonly endpoint: string,
    private readonly region: string,
    private readonly timers: Timers,
    private readonly report: Report,
  ) {}

  readonly open: OpenStepLog = async ({ logGroup, instanceId, streamPrefix }, credentials) => {
    const call = this.callAs(credentials);
    try {
      await call('CreateLogGroup', { logGroupName: logGroup });
    } catch (error) {
      const why = messageOf(error);
      if (!why.includes('ResourceAlreadyExistsException')) {
        const text = `the agent of ${instanceId} sends no output to ${logGroup}: ${why.slice(0, 300)}`;
        this.report({ kind: 'warning', text });
        return undefined;
      }
    }
    const open = (name: string) => openLogStream(this.timers, call, logGroup, `${streamPrefix}/${name}`);
    const streams = new Map<string, ReturnType<typeof open>>();
    return (name, line) => {
      const stream = streams.get(name) ?? open(name);
      streams.set(name, stream);
      stream.write(line);
    };
  };

  /** Calls through the gateway, so that the instance's policies decide. */
  private callAs({ AWS_ACCESS_KEY_ID: keyId, AWS_SESSION_TOKEN: token }: RoleCredentials): LogsCall {
    const scope = `${keyId}/20260101/${this.region}/logs/aws4_request`;
    return async (operation, body) => {
      const answer = await fetch(this.endpoint, {
        method: 'POST',
        headers: {
          authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
          'content-type': 'application/x-amz-json-1.1',
          'x-amz-target': `Logs_20140328.${operation}`,
          'x-amz-security-token': token,
        },
        body: JSON.stringify(body),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(text);
      return text;
    };
  }
}

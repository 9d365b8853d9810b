import { messageOf } from '../../lifecycle/errors';
import type { CommandInvocation } from './commands';
import { type LogsCall, openLogStream } from '../logs/log-writer';
import type { Report } from '../clockwork/events';
import type { Timers } from '../clockwork/timers';

/** Takes each line of a step's output. */
export type StepOutput = (stream: 'stdout' | 'stderr', line: string) => void;

/**
 * Sends a command's output to the log group that its sender named, as an agent does: with the instance's own permissions,
 * in streams called <command>/<instance>/<step>/stdout and stderr.
 */
export class AgentLogs {
  constructor(
    private readonly endpoint: string,
    private readonly region: string,
    private readonly timers: Timers,
    private readonly report: Report,
  ) {}

  /** Undefined: no log group was asked for, or the agent may not "create" it; then real agents send nothing either. */
  async open(
    { command, instanceId }: CommandInvocation,
    stepName: string,
    environment: NodeJS.ProcessEnv,
  ): Promise<StepOutput | undefined> {
    const { logGroup } = command;
    if (logGroup === undefined) return undefined;
    const call = this.callAs(environment);
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
    const prefix = `${command.id}/${instanceId}/${stepName}`;
    const open = (name: string) => openLogStream(this.timers, call, logGroup, `${prefix}/${name}`);
    const streams = new Map<string, ReturnType<typeof open>>();
    return (name, line) => {
      const stream = streams.get(name) ?? open(name);
      streams.set(name, stream);
      stream.write(line);
    };
  }

  /** By the one door, so that the instance's policies decide. */
  private callAs({ AWS_ACCESS_KEY_ID: keyId, AWS_SESSION_TOKEN: token }: NodeJS.ProcessEnv): LogsCall {
    const scope = `${keyId ?? ''}/20260101/${this.region}/logs/aws4_request`;
    return async (operation, body) => {
      const answer = await fetch(this.endpoint, {
        method: 'POST',
        headers: {
          authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
          'content-type': 'application/x-amz-json-1.1',
          'x-amz-target': `Logs_20140328.${operation}`,
          ...(token === undefined ? {} : { 'x-amz-security-token': token }),
        },
        body: JSON.stringify(body),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(text);
      return text;
    };
  }
}

import { z } from 'zod';
import { messageOf } from '../../lifecycle/errors';
import { type Permits, serviceSession } from '../wire/caller';
import { readConfiguration } from './function-configuration';
import type { Outcome } from './function-instance';
import type { Functions } from './functions';
import type { MotoApi } from '../moto/moto-api';
import type { Report } from '../clockwork/events';
import type { Timers } from '../clockwork/timers';

const eventInvokeConfigSchema = z.object({
  MaximumRetryAttempts: z.number().optional(),
  DestinationConfig: z
    .object({ OnFailure: z.object({ Destination: z.string().optional() }).optional() })
    .optional(),
});

type EventInvokeConfig = z.infer<typeof eventInvokeConfigSchema>;

/** Lambda's number of retries of a failed asynchronous invocation. */
const DEFAULT_RETRIES = 2;

/** Asynchronous invocations. A failed one is retried; after the last retry its record goes to the on-failure destination. */
export class Invocations {
  constructor(
    private readonly options: {
      readonly functions: Functions;
      readonly moto: MotoApi;
      readonly permits: Permits;
      readonly timers: Timers;
      readonly report: Report;
      readonly lambdaRetryMs: number;
    },
  ) {}

  /** Begins an invocation and returns at once. */
  begin(functionName: string, payload: Buffer): void {
    this.attempt(functionName, payload, 1, 0);
  }

  private attempt(functionName: string, payload: Buffer, attempt: number, delayMs: number): void {
    this.options.timers.deliver(delayMs, `invoking ${functionName}`, async () => {
      const outcome = await this.options.functions.invoke(functionName, payload);
      if (outcome.functionError === undefined) return;
      const config = await this.configOf(functionName);
      if (attempt <= (config.MaximumRetryAttempts ?? DEFAULT_RETRIES)) {
        this.attempt(functionName, payload, attempt + 1, this.options.lambdaRetryMs * attempt);
      } else {
        await this.giveUp(functionName, payload, attempt, outcome, config);
      }
    });
  }

  private async configOf(functionName: string): Promise<EventInvokeConfig> {
    try {
      const path = `/2019-09-25/functions/${encodeURIComponent(functionName)}/event-invoke-config`;
      const answer = await this.options.moto.request('GET', path, { service: 'lambda' });
      return eventInvokeConfigSchema.parse(JSON.parse(answer.body.toString()));
    } catch {
      // Lambda's defaults, for a function without such a configuration.
      return {};
    }
  }

  private async giveUp(
    functionName: string,
    payload: Buffer,
    attempts: number,
    outcome: Outcome,
    { DestinationConfig }: EventInvokeConfig,
  ): Promise<void> {
    const destination = DestinationConfig?.OnFailure?.Destination;
    const text = `${functionName} failed ${attempts} times: ${outcome.payload.toString().slice(0, 300)}`;
    const { moto, report, permits } = this.options;
    report({ kind: 'warning', text: destination === undefined ? `${text}; the event is lost` : text });
    if (destination === undefined) return;
    const [, , , region = '', account = '', queue = ''] = destination.split(':');
    if (!destination.includes(':sqs:')) {
      report({ kind: 'warning', text: `The local cloud cannot deliver to ${destination}, only to SQS` });
      return;
    }
    // Lambda sends the record with the permissions of the function's role.
    const { Role } = await readConfiguration(moto, functionName);
    const session = serviceSession(Role, functionName);
    if (!(await permits(session, { action: 'sqs:SendMessage', resource: destination }))) return;
    const functionArn = `arn:aws:lambda:${region}:${account}:function:${functionName}:$LATEST`;
    await moto.json('sqs', 'AmazonSQS.SendMessage', {
      QueueUrl: `http://127.0.0.1:${moto.port}/${account}/${queue}`,
      MessageBody: JSON.stringify(failureRecord(functionArn, payload, attempts, outcome)),
    });
  }
}

/** The record that Lambda sends. https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
function failureRecord(functionArn: string, payload: Buffer, attempts: number, outcome: Outcome): object {
  return {
    version: '1.0',
    timestamp: new Date().toISOString(),
    requestContext: {
      requestId: outcome.requestId,
      functionArn,
      condition: 'RetriesExhausted',
      approximateInvokeCount: attempts,
    },
    requestPayload: parsed(payload),
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: outcome.functionError },
    responsePayload: parsed(outcome.payload),
  };
}

function parsed(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString());
  } catch (error) {
    return `(not JSON: ${messageOf(error)})`;
  }
}

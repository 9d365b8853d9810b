import {
  DescribeInstanceInformationCommand,
  ListCommandsCommand,
  SendCommandCommand,
  type Command,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import type { Clock } from './clock';
import { RetryLaterError, awsCodeOf } from './errors';
import type { Instance } from './instance';
import type { Log } from './log';

export interface DispatchContext {
  readonly ssm: SSMClient;
  readonly instance: Instance;
  /** The name of the pipeline's SSM document. */
  readonly document: string;
  /** The log group that takes the drain's output as it comes. @default none: SSM keeps its first 24,000 characters */
  readonly drainLogGroup?: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How long to wait for the agent, in milliseconds; must end inside the function's time limit. */
  readonly patienceMs: number;
}

/** `sent`: a new drain command; `live`: one is under way already; `gone`: the instance does not run any more. */
export type DispatchOutcome = 'sent' | 'live' | 'gone';

/** A command that the agent has not taken by then is dropped by SSM, in seconds. The sweep sends the next. */
const DELIVERY_TIMEOUT_SECONDS = 600;

/** Describe is eventually consistent: only an instance seen stopped for so long is believed to be, in milliseconds. */
const GONE_AFTER_MS = 60_000;

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4_000;

/** Most boots are over by then; an agent that is still silent may be so for long. */
const LATE_MS = 60_000;
const LONGEST_LATE_PAUSE_MS = 15_000;

/**
 * Puts a drain onto the running instance, once SSM has heard from its agent since the last launch (`Online` alone can be
 * minutes old). Throws RetryLaterError when the agent is not heard in time.
 */
export async function dispatch(context: DispatchContext): Promise<DispatchOutcome> {
  const { clock, instance, log, patienceMs } = context;
  const began = clock.now();
  for (let pauseMs = FIRST_PAUSE_MS; ;) {
    const { state, launchTime } = await instance.read();
    const waitedMs = clock.now() - began;
    if (state === 'running' && (await agentHeardSince(context, launchTime))) {
      if (await drainUnderWay(context, launchTime)) {
        log.info('a drain is under way already');
        return 'live';
      }
      if (await sendDrain(context)) return 'sent';
    } else if ((state === 'stopped' || state === 'stopping') && waitedMs > GONE_AFTER_MS) {
      log.info('the instance does not run any more', { state });
      return 'gone';
    }
    if (waitedMs + pauseMs > patienceMs) {
      throw new RetryLaterError(
        `SSM has not heard from the agent of ${instance.id} (${state}, launched ${launchTime.toISOString()}) within ` +
          `${Math.round(waitedMs / 1000)} s; look at the instance's network, its profile and the agent's log`,
      );
    }
    await clock.sleep(pauseMs);
    pauseMs = Math.min(pauseMs * 2, waitedMs < LATE_MS ? LONGEST_PAUSE_MS : LONGEST_LATE_PAUSE_MS);
  }
}

async function agentHeardSince({ ssm, instance }: DispatchContext, launchTime: Date): Promise<boolean> {
  const answer = await ssm.send(
    new DescribeInstanceInformationCommand({ Filters: [{ Key: 'InstanceIds', Values: [instance.id] }] }),
  );
  const lastPing = answer.InstanceInformationList?.[0]?.LastPingDateTime;
  return lastPing !== undefined && lastPing > launchTime;
}

/**
 * The list is not asked for by instance: such a list lacks what has not reached it yet.
 * https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListCommands.html
 */
async function drainUnderWay(context: DispatchContext, launchTime: Date): Promise<boolean> {
  let token: string | undefined;
  do {
    const page = await context.ssm.send(
      new ListCommandsCommand({
        Filters: [
          { key: 'InvokedAfter', value: wholeSeconds(launchTime) },
          { key: 'DocumentName', value: context.document },
        ],
        NextToken: token,
      }),
    );
    if (page.Commands?.some((command) => isUnderWay(command, context.instance.id))) return true;
    token = page.NextToken;
  } while (token);
  return false;
}

function isUnderWay({ Status, InstanceIds }: Command, instanceId: string): boolean {
  return InstanceIds?.includes(instanceId) === true && (Status === 'Pending' || Status === 'InProgress');
}

/** False: SSM does not take the instance yet. */
async function sendDrain({ ssm, instance, document, drainLogGroup, log }: DispatchContext): Promise<boolean> {
  try {
    const answer = await ssm.send(
      new SendCommandCommand({
        DocumentName: document,
        InstanceIds: [instance.id],
        TimeoutSeconds: DELIVERY_TIMEOUT_SECONDS,
        Comment: 'Lamplighter: drain the open jobs',
        ...(drainLogGroup === undefined
          ? {}
          : {
              CloudWatchOutputConfig: {
                CloudWatchOutputEnabled: true,
                CloudWatchLogGroupName: drainLogGroup,
              },
            }),
      }),
    );
    log.info('drain command sent', { commandId: answer.Command?.CommandId });
    return true;
  } catch (error) {
    if (awsCodeOf(error) !== 'InvalidInstanceId') throw error;
    log.info('SSM does not take the instance yet');
    return false;
  }
}

/** The form that the filter takes: `2026-01-31T12:00:00Z`. */
function wholeSeconds(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}

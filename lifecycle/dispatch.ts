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
  /** The log group that receives the drain's output continuously. Without it, SSM would keep the first 24,000 characters. */
  readonly drainLogGroup: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Maximum time to wait for the agent, in milliseconds. Must be shorter than the function's time limit. */
  readonly agentTimeoutMs: number;
}

/** `sent`: SSM accepted a new drain command. `live`: a drain command is under way. `gone`: the instance is stopped or stopping. */
export type DispatchOutcome = 'sent' | 'live' | 'gone';

/** Time in which the agent must accept the command, in seconds. Then SSM drops the command, and the sweep sends another. */
const DELIVERY_TIMEOUT_SECONDS = 600;

/**
 * Time in the dispatch after which a `stopped` or `stopping` state counts, in milliseconds. DescribeInstances is eventually
 * consistent, so an earlier reading may be of the time before the start.
 */
const GONE_AFTER_MS = 60_000;

/** Shortest and longest pause between two polls, in milliseconds. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4_000;

/** Time after which polls become rarer, in milliseconds. Most boots are complete by then, and an agent that is still silent may stay silent for long. */
const LATE_MS = 60_000;
const LONGEST_LATE_PAUSE_MS = 15_000;

/**
 * C1: sends a drain command to the running instance, once SSM has received a ping from its agent since the last launch. The
 * agent's status `Online` alone can be minutes old. Throws RetryLaterError if there is no ping within `agentTimeoutMs`.
 */
export async function dispatch(context: DispatchContext): Promise<DispatchOutcome> {
  const { clock, instance, log, agentTimeoutMs } = context;
  const startedMs = clock.now();
  for (let pauseMs = FIRST_PAUSE_MS; ;) {
    const { state, launchTime } = await instance.read();
    const waitedMs = clock.now() - startedMs;
    if (state === 'running' && (await agentPingedSince(context, launchTime))) {
      if (await drainUnderWay(context, launchTime)) {
        log.info('a drain is under way already');
        return 'live';
      }
      if (await sendDrain(context)) return 'sent';
    } else if ((state === 'stopped' || state === 'stopping') && waitedMs > GONE_AFTER_MS) {
      log.info('the instance does not run any more', { state });
      return 'gone';
    }
    if (waitedMs + pauseMs > agentTimeoutMs) {
      throw new RetryLaterError(
        `SSM received no ping from the agent of ${instance.id} (${state}, launched ${launchTime.toISOString()}) within ` +
          `${Math.round(waitedMs / 1000)} s; check the instance's network, its profile and the agent's log`,
      );
    }
    await clock.sleep(pauseMs);
    pauseMs = Math.min(pauseMs * 2, waitedMs < LATE_MS ? LONGEST_PAUSE_MS : LONGEST_LATE_PAUSE_MS);
  }
}

async function agentPingedSince({ ssm, instance }: DispatchContext, launchTime: Date): Promise<boolean> {
  const answer = await ssm.send(
    new DescribeInstanceInformationCommand({ Filters: [{ Key: 'InstanceIds', Values: [instance.id] }] }),
  );
  const lastPing = answer.InstanceInformationList?.[0]?.LastPingDateTime;
  return lastPing !== undefined && lastPing > launchTime;
}

/**
 * C2: the request has no filter by instance: a list by instance lacks the commands that have not reached the instance yet.
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

/** C3: the command has no parameter. Returns false if SSM does not accept the instance yet. */
async function sendDrain({ ssm, instance, document, drainLogGroup, log }: DispatchContext): Promise<boolean> {
  try {
    const answer = await ssm.send(
      new SendCommandCommand({
        DocumentName: document,
        InstanceIds: [instance.id],
        TimeoutSeconds: DELIVERY_TIMEOUT_SECONDS,
        Comment: 'Lamplighter: drain the open jobs',
        CloudWatchOutputConfig: { CloudWatchOutputEnabled: true, CloudWatchLogGroupName: drainLogGroup },
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

/** The time in the format of SSM's filter: `2026-01-31T12:00:00Z`. */
function wholeSeconds(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}

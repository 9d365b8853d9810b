import {
  DescribeInstanceInformationCommand,
  ListCommandsCommand,
  SendCommandCommand,
  type Command,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import type { Clock } from './clock';
import { RetryLaterError, awsCodeOf, isThrottled, messageOf } from './errors';
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

/**
 * Pauses between the first looks, in milliseconds. Twelve looks fall into the first 50 s, most of them where boots end: published
 * boots take 22 to 52 s. Each look costs one or two calls of EC2's and SSM's limits.
 */
const PAUSES_MS = [1_000, 2_000, 3_000, 5_000, 5_000, 4_000, 4_000, 4_000, 5_000, 7_000, 10_000];

/** Pause between later looks, in milliseconds. An agent that is still silent may stay silent for long. */
const LATE_PAUSE_MS = 15_000;

/**
 * C1: sends a drain command to the running instance, once SSM has received a ping from its agent since the last launch. The
 * agent's status `Online` alone can be minutes old. Throws RetryLaterError if there is no ping within `agentTimeoutMs`.
 */
export async function dispatch(context: DispatchContext): Promise<DispatchOutcome> {
  const { clock, instance, agentTimeoutMs } = context;
  const startedMs = clock.now();
  for (let looks = 0; ; looks += 1) {
    const seen = await look(context, clock.now() - startedMs).catch(seenNothing(context));
    if (typeof seen === 'string') return seen;
    const waitedMs = clock.now() - startedMs;
    const pauseMs = PAUSES_MS[looks] ?? LATE_PAUSE_MS;
    if (waitedMs + pauseMs > agentTimeoutMs) {
      throw new RetryLaterError(
        `SSM received no ping from the agent of ${instance.id} (${seen.text}) within ` +
          `${Math.round(waitedMs / 1000)} s; check the instance's network, its profile and the agent's log`,
      );
    }
    await clock.sleep(pauseMs);
  }
}

/** What the last look saw, in words. */
interface NotReady {
  readonly text: string;
}

async function look(context: DispatchContext, waitedMs: number): Promise<DispatchOutcome | NotReady> {
  const { instance, log } = context;
  const { state, launchTime } = await instance.read();
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
  return { text: `${state}, launched ${launchTime.toISOString()}` };
}

/** A throttled look sees nothing, and the next one comes later. */
function seenNothing({ log }: DispatchContext): (error: unknown) => NotReady {
  return (error) => {
    if (!isThrottled(error)) throw error;
    log.warn('EC2 or SSM throttles the account; the worker looks again', { error: messageOf(error) });
    return { text: 'throttled' };
  };
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

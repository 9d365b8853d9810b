import type { Context } from 'aws-lambda';
import { ledgerClients } from '../lifecycle/clients';
import { ledgerContext } from '../lifecycle/context';
import { parseEnvironment, stopEnvironmentSchema } from '../lifecycle/environment';
import { causeIn, receiptKeysIn } from '../lifecycle/events';
import { jsonLog } from '../lifecycle/log';
import { measureReceipts } from '../lifecycle/measure';
import { recordSession } from '../lifecycle/session';
import { endShortage } from '../lifecycle/shortage';
import { settle, type SettleOutcome } from '../lifecycle/settle';
import type { Cause, SettleContext } from '../lifecycle/settle-context';
import { embeddedMetrics } from './embedded-metrics';

/** Settles after a receipt, a change of the instance's state, the end of a drain command, or on the sweep's schedule. */
export async function stop(event: unknown, context: SettleContext): Promise<SettleOutcome | undefined> {
  const cause = causeIn(event);
  if (cause === undefined) return undefined;
  const readings = context.instance.recordReadings();
  try {
    return await settleOn(event, cause, context);
  } finally {
    await recordSession(context, cause, readings[0]);
  }
}

async function settleOn(
  event: unknown,
  cause: Cause,
  context: SettleContext,
): Promise<SettleOutcome | undefined> {
  if (cause.kind === 'instance running') {
    await Promise.all([context.instance.showPhase('working', context.log), endShortage(context)]);
    // `wake` invokes the worker for its own starts. EC2 restarts a spot instance by itself, perhaps with no job open.
    if (!context.isSpot) return undefined;
  }
  const outcome = await settle(context, cause);
  context.log.info('settled', { cause, outcome });
  if (cause.kind === 'receipt' && context.metrics) {
    await measureReceipts(context, context.metrics, receiptKeysIn(event));
  }
  return outcome;
}

let made: ReturnType<typeof make> | undefined;

/** The Lambda function's entry. Returns the outcome to `lamplighter resume`, which invokes the function directly. */
export async function handler(
  event: unknown,
  { awsRequestId }: Pick<Context, 'awsRequestId'>,
): Promise<SettleOutcome | undefined> {
  made ??= make();
  const { environment, clients, metrics } = made;
  const log = jsonLog({ part: 'stop', pipeline: environment.LAMPLIGHTER_PIPELINE, requestId: awsRequestId });
  return stop(event, {
    ...ledgerContext(environment, clients, log, `stop ${awsRequestId}`),
    timeLimitSeconds: environment.LAMPLIGHTER_TIME_LIMIT_SECONDS,
    breakerWakeUps: environment.LAMPLIGHTER_BREAKER_WAKE_UPS,
    lingerSeconds: environment.LAMPLIGHTER_LINGER_SECONDS,
    isSpot: environment.LAMPLIGHTER_SPOT === 'true',
    metrics,
  });
}

function make() {
  const environment = parseEnvironment(stopEnvironmentSchema, process.env);
  const { LAMPLIGHTER_METRICS: metrics, LAMPLIGHTER_PIPELINE: pipeline } = environment;
  return {
    environment,
    clients: ledgerClients(),
    metrics: metrics === 'on' ? embeddedMetrics(pipeline) : undefined,
  };
}

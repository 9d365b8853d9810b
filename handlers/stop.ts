import type { Context } from 'aws-lambda';
import { ec2Client, lambdaClient, s3Client } from '../lifecycle/clients';
import { systemClock } from '../lifecycle/clock';
import { ledgerContext, type LedgerClients } from '../lifecycle/context';
import { parseEnvironment, stopEnvironmentSchema, type StopEnvironment } from '../lifecycle/environment';
import { causeIn } from '../lifecycle/events';
import { jsonLog } from '../lifecycle/log';
import { settle, type SettleContext } from '../lifecycle/settle';

/** Settles on a receipt, a change of the instance's state, the end of a drain command, or the sweep. */
export async function stop(event: unknown, context: SettleContext): Promise<void> {
  const cause = causeIn(event);
  if (cause === undefined) return;
  if (cause.kind === 'instance running') {
    await context.instance.showPhase('working', context.log);
    // Whoever starts an instance invokes worker, but EC2 does not, and it may bring one back that nobody needs any more.
    if (!context.isSpot) return;
  }
  const outcome = await settle(context, cause);
  context.log.info('settled', { cause, outcome });
}

let made: { environment: StopEnvironment; clients: LedgerClients } | undefined;

/** The Lambda function's entry. */
export async function handler(
  event: unknown,
  { awsRequestId }: Pick<Context, 'awsRequestId'>,
): Promise<void> {
  made ??= {
    environment: parseEnvironment(stopEnvironmentSchema, process.env),
    clients: { s3: s3Client(), ec2: ec2Client(), lambda: lambdaClient(), clock: systemClock },
  };
  const { environment, clients } = made;
  const log = jsonLog({ part: 'stop', pipeline: environment.LAMPLIGHTER_PIPELINE, requestId: awsRequestId });
  await stop(event, {
    ...ledgerContext(environment, clients, log, `stop ${awsRequestId}`),
    timeLimitSeconds: environment.LAMPLIGHTER_TIME_LIMIT_SECONDS,
    breakerWakeUps: environment.LAMPLIGHTER_BREAKER_WAKE_UPS,
    lingerSeconds: environment.LAMPLIGHTER_LINGER_SECONDS,
    isSpot: environment.LAMPLIGHTER_SPOT === 'true',
  });
}

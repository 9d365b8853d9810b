import type { Context } from 'aws-lambda';
import * as z from 'zod/mini';
import { ec2Client, ssmClient } from '../lifecycle/clients';
import { systemClock } from '../lifecycle/clock';
import { dispatch } from '../lifecycle/dispatch';
import { parseEnvironment, workerEnvironmentSchema } from '../lifecycle/environment';
import { Instance } from '../lifecycle/instance';
import { jsonLog } from '../lifecycle/log';

/** Seconds of the time limit that are reserved for the last round of calls. */
const RESERVE_SECONDS = 30;

/** The cause of the invocation and the job ids. The log holds them, so that a search by job id finds lines of every part. */
const reasonSchema = z.object({ reason: z.string(), jobIds: z.array(z.string()) });

let made: ReturnType<typeof make> | undefined;

/** The Lambda function's entry: sends a drain command to the instance. Uses the event for its log only. */
export async function handler(
  event: unknown,
  { awsRequestId }: Pick<Context, 'awsRequestId'>,
): Promise<void> {
  made ??= make();
  const { environment, ssm, instance } = made;
  const log = jsonLog({
    part: 'worker',
    pipeline: environment.LAMPLIGHTER_PIPELINE,
    requestId: awsRequestId,
    ...reasonSchema.safeParse(event).data,
  });
  await dispatch({
    ssm,
    instance,
    document: environment.LAMPLIGHTER_DOCUMENT,
    drainLogGroup: environment.LAMPLIGHTER_DRAIN_LOG_GROUP,
    clock: systemClock,
    log,
    agentTimeoutMs: (environment.LAMPLIGHTER_TIME_LIMIT_SECONDS - RESERVE_SECONDS) * 1000,
  });
}

function make() {
  const environment = parseEnvironment(workerEnvironmentSchema, process.env);
  return {
    environment,
    ssm: ssmClient(),
    instance: new Instance(ec2Client(), environment.LAMPLIGHTER_INSTANCE_ID),
  };
}

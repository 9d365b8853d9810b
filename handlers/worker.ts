import type { Context } from 'aws-lambda';
import { z } from 'zod';
import { ec2Client, ssmClient } from '../lifecycle/clients';
import { systemClock } from '../lifecycle/clock';
import { dispatch } from '../lifecycle/dispatch';
import { parseEnvironment, workerEnvironmentSchema, type WorkerEnvironment } from '../lifecycle/environment';
import { Instance } from '../lifecycle/instance';
import { jsonLog } from '../lifecycle/log';

/** Kept back of the time limit, so that the last round of calls still ends inside it, in seconds. */
const RESERVE_SECONDS = 30;

/** Who invoked it, and for which jobs: so that a job's id finds its lines in every part's log. */
const reasonSchema = z.object({ reason: z.string(), jobIds: z.array(z.string()) });

let made:
  { environment: WorkerEnvironment; ssm: ReturnType<typeof ssmClient>; instance: Instance } | undefined;

/** The Lambda function's entry: puts a drain onto the instance. What it was invoked with is for its log only. */
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
    patienceMs: (environment.LAMPLIGHTER_TIME_LIMIT_SECONDS - RESERVE_SECONDS) * 1000,
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

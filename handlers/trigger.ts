import type { Context } from 'aws-lambda';
import { admit, type Admission } from '../lifecycle/admit';
import { ec2Client, lambdaClient, s3Client } from '../lifecycle/clients';
import { systemClock } from '../lifecycle/clock';
import { ledgerContext, type LedgerClients, type LedgerContext } from '../lifecycle/context';
import {
  parseEnvironment,
  triggerEnvironmentSchema,
  type TriggerEnvironment,
} from '../lifecycle/environment';
import { InvalidInputError } from '../lifecycle/errors';
import { uploadsIn } from '../lifecycle/events';
import { jsonLog } from '../lifecycle/log';
import { jobIdOf } from '../lifecycle/job';
import { wake } from '../lifecycle/wake';

/** Admits each upload of an event of the data bucket, then wakes the instance once. */
export async function trigger(event: unknown, context: LedgerContext): Promise<void> {
  const failures: unknown[] = [];
  const open: string[] = [];
  for (const upload of uploadsIn(event)) {
    try {
      if ('poison' in upload) throw new InvalidInputError(upload.poison);
      const admission = await admit(context, upload, 'event');
      const jobId = jobIdOf(upload);
      context.log.info('upload', { jobId, key: upload.key, versionId: upload.versionId, admission });
      if (isOpen(admission)) open.push(jobId);
    } catch (error) {
      failures.push(error);
    }
  }
  if (open.length > 0) await wake(context, 'upload', open).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
}

function isOpen(admission: Admission): boolean {
  return admission === 'admitted' || admission === 'open';
}

let made: { environment: TriggerEnvironment; clients: LedgerClients } | undefined;

/** The Lambda function's entry. */
export async function handler(
  event: unknown,
  { awsRequestId }: Pick<Context, 'awsRequestId'>,
): Promise<void> {
  made ??= {
    environment: parseEnvironment(triggerEnvironmentSchema, process.env),
    clients: { s3: s3Client(), ec2: ec2Client(), lambda: lambdaClient(), clock: systemClock },
  };
  const log = jsonLog({
    part: 'trigger',
    pipeline: made.environment.LAMPLIGHTER_PIPELINE,
    requestId: awsRequestId,
  });
  await trigger(event, ledgerContext(made.environment, made.clients, log, `trigger ${awsRequestId}`));
}

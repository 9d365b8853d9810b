import type { Context } from 'aws-lambda';
import { admit } from '../lifecycle/admit';
import { ledgerClients } from '../lifecycle/clients';
import { ledgerContext, type LedgerContext } from '../lifecycle/context';
import { parseEnvironment, triggerEnvironmentSchema } from '../lifecycle/environment';
import { InvalidInputError } from '../lifecycle/errors';
import { uploadsIn } from '../lifecycle/events';
import { jsonLog } from '../lifecycle/log';
import { jobIdOf } from '../lifecycle/job';
import { wake } from '../lifecycle/wake';
import { requestWake } from '../lifecycle/wake-request';

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
      if (admission === 'admitted' || admission === 'open') open.push(jobId);
    } catch (error) {
      failures.push(error);
    }
  }
  // A3: after the records, because a closer that lists no record does not wake.
  if (open.length > 0) await wakeFor(context, open).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
}

/** Asks EC2 to start the instance, unless another part is at it. */
async function wakeFor(context: LedgerContext, open: readonly string[]): Promise<void> {
  const request = await requestWake(context);
  if (request === 'mine') await wake(context, 'upload', open);
  else context.log.info('not woken: no need', { request });
}

let made: ReturnType<typeof make> | undefined;

/** The Lambda function's entry. */
export async function handler(
  event: unknown,
  { awsRequestId }: Pick<Context, 'awsRequestId'>,
): Promise<void> {
  made ??= make();
  const { environment, clients } = made;
  const pipeline = environment.LAMPLIGHTER_PIPELINE;
  const log = jsonLog({ part: 'trigger', pipeline, requestId: awsRequestId });
  await trigger(event, ledgerContext(environment, clients, log, `trigger ${awsRequestId}`));
}

function make() {
  return {
    environment: parseEnvironment(triggerEnvironmentSchema, process.env),
    clients: ledgerClients(),
  };
}

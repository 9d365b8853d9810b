import { GetObjectCommand } from '@aws-sdk/client-s3';
import { addAbortSignal, type Readable } from 'node:stream';
import { InvalidInputError, httpStatusOf } from '../lifecycle/errors';
import type { Log } from '../lifecycle/log';
import { modelCardSchema, type ModelCard, type ModelRef } from '../lifecycle/model';
import { parseRecord } from '../lifecycle/records';
import type { DrainContext } from './context';
import { AttemptFailure, JobFailure } from './failures';
import type { JobFolder } from './host';
import { runProgram } from './run-program';

/** Maximum attempts at a job while its model's card cannot be read. The same as the card's default. */
export const DEFAULT_MAX_ATTEMPTS = modelCardSchema.shape.maxAttempts.parse(undefined);

/** The model's card if the model's folder is on this machine, or undefined. */
export async function readCard({ host }: DrainContext, model: ModelRef): Promise<ModelCard | undefined> {
  try {
    const text = await host.modelFolder(model).card();
    return text === undefined ? undefined : parseCard(text);
  } catch (error) {
    if (error instanceof JobFailure) return undefined;
    throw error;
  }
}

/**
 * Makes the model ready to run: unpacks its folder and runs its `setup`, each once. Throws JobFailure if the folder is
 * not a valid model, AttemptFailure if its setup fails.
 */
export async function prepareModel(
  context: DrainContext,
  model: ModelRef,
  job: { readonly folder: JobFolder; readonly signal: AbortSignal; readonly log: Log },
): Promise<ModelCard> {
  const folder = context.host.modelFolder(model);
  const ready = await folder.isReady();
  if (!ready) {
    job.log.info('unpacking the model', { model: model.name, digest: model.digest });
    await folder.unpack(await downloadZip(context, model, job.signal));
  }
  const text = await folder.card();
  if (text === undefined)
    throw new AttemptFailure('model', 'the model folder vanished while it was prepared');
  const card = parseCard(text);
  if (ready) return card;

  if (!(await folder.has('run'))) {
    throw new JobFailure(
      'model',
      `model ${model.name} has no executable named \`run\` in its folder; add one`,
    );
  }
  if (await folder.has('setup')) await setUp(context, model, job);
  await folder.markReady();
  return card;
}

async function setUp(
  context: DrainContext,
  model: ModelRef,
  job: { readonly folder: JobFolder; readonly signal: AbortSignal; readonly log: Log },
): Promise<void> {
  job.log.info('setting the model up', { model: model.name });
  const timeLimitSeconds = context.timings.setupTimeLimitMinutes * 60;
  const end = await runProgram(context, { ...job, model, program: 'setup', timeLimitSeconds });
  if (end.timedOut || end.exit.code !== 0) {
    const how = end.timedOut
      ? `exceeded ${context.timings.setupTimeLimitMinutes} minutes`
      : describeExit(end.exit);
    throw new AttemptFailure('setup failed', `the setup of model ${model.name} ${how}`, {
      exit: end.exit,
      stderrTail: end.stderrTail,
    });
  }
}

async function downloadZip({ s3, config }: DrainContext, model: ModelRef, signal: AbortSignal) {
  const where = `s3://${config.controlBucket}/${model.zipKey} (version ${model.zipVersionId})`;
  try {
    const { Body } = await s3.send(
      new GetObjectCommand({
        Bucket: config.controlBucket,
        Key: model.zipKey,
        VersionId: model.zipVersionId,
      }),
      { abortSignal: signal },
    );
    return addAbortSignal(signal, Body as Readable);
  } catch (cause) {
    const status = httpStatusOf(cause);
    if (status !== 404 && status !== 405) throw cause;
    const message = `${where}, the model that this upload was admitted for, is gone; upload the file again`;
    throw new JobFailure('model', message, {}, { cause });
  }
}

function parseCard(text: string): ModelCard {
  try {
    return parseRecord(modelCardSchema, "the model's model.json", text);
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause;
    throw new JobFailure('model', cause.message, {}, { cause });
  }
}

/** How a process ended. The text follows the program's name in a sentence. */
export function describeExit({ code, signal }: { code: number | null; signal: string | null }): string {
  return signal === null ? `exited with code ${code ?? 'unknown'}` : `was ended by ${signal}`;
}

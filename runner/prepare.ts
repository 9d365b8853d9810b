import { GetObjectCommand } from '@aws-sdk/client-s3';
import { addAbortSignal, type Readable } from 'node:stream';
import { InvalidInputError, httpStatusOf } from '../lifecycle/errors';
import { modelCardSchema, type ModelCard, type ModelRef } from '../lifecycle/model';
import { parseRecord } from '../lifecycle/records';
import type { DrainContext } from './context';
import { Interruption, JobFailure } from './failures';
import { DISK_WAS_FULL, describeExit, describeMemory, endFromOutside } from './program-ends';
import { runProgram, type ProgramRun } from './run-program';

type PreparedJob = Pick<ProgramRun, 'folder' | 'signal' | 'log' | 'onStuck'>;

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
 * not a valid model or its setup fails for too long, Interruption if the setup fails before.
 */
export async function prepareModel(
  context: DrainContext,
  model: ModelRef,
  job: PreparedJob,
): Promise<ModelCard> {
  const folder = context.host.modelFolder(model);
  const ready = await folder.isReady();
  if (!ready) {
    job.log.info('unpacking the model', { model: model.name, digest: model.digest });
    await folder.unpack(await downloadZip(context, model, job.signal));
  }
  const text = await folder.card();
  if (text === undefined)
    throw new Interruption('machine', 'the model folder vanished while it was prepared');
  const card = parseCard(text);
  if (ready) return card;

  if (!(await folder.has('run'))) {
    const message = `model ${model.name} has no executable named \`run\` in its folder; add one`;
    throw new JobFailure('model', message);
  }
  if (await folder.has('setup')) await setUp(context, model, card, job);
  await folder.markReady();
  return card;
}

async function setUp(
  context: DrainContext,
  model: ModelRef,
  card: ModelCard,
  job: PreparedJob,
): Promise<void> {
  job.log.info('setting the model up', { model: model.name });
  const minutes = context.timings.setupTimeLimitMinutes;
  const run: ProgramRun = { ...job, model, program: 'setup', timeLimitSeconds: minutes * 60, limits: card };
  const end = await runProgram(context, run);
  const outside = await endFromOutside(context, end);
  if (outside) throw outside;
  const { exit, timedOut, stderrTail, memory } = end;
  const { setupFailedSince, clock } = context;
  if (!timedOut && exit.code === 0) {
    setupFailedSince.delete(model.digest);
    return;
  }
  const how = timedOut ? `exceeded ${minutes} minutes` : describeExit(exit);
  const isDiskFull = await job.folder.isDiskFull();
  const isolation = job.folder.isolation('setup', card);
  const outOfMemory = memory.ranOut
    ? `: memory ran out. ${describeMemory(context.host, isolation, memory)}`
    : '';
  const message = `the setup of model ${model.name} ${how}${isDiskFull ? `, ${DISK_WAS_FULL}` : outOfMemory}`;
  const since = setupFailedSince.get(model.digest) ?? clock.now();
  setupFailedSince.set(model.digest, since);
  // D19
  if (clock.now() - since >= context.timings.setupPatienceSeconds * 1000) {
    throw new JobFailure('setup failed', message, {
      exit,
      stderrTail,
      isolation,
    });
  }
  if (isDiskFull || memory.ranOut) throw new Interruption('machine', message);
  throw new Interruption('weather', `${message}; a package index may be away, so the setup is tried again`);
}

async function downloadZip({ s3, config }: DrainContext, model: ModelRef, signal: AbortSignal) {
  const where = `s3://${config.controlBucket}/${model.zipKey} (version ${model.zipVersionId})`;
  try {
    const version = { Bucket: config.controlBucket, Key: model.zipKey, VersionId: model.zipVersionId };
    const { Body } = await s3.send(new GetObjectCommand(version), { abortSignal: signal });
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

import { GetObjectCommand } from '@aws-sdk/client-s3';
import { addAbortSignal, type Readable } from 'node:stream';
import { timestamp } from '../lifecycle/clock';
import { awsCodeOf, httpStatusOf, messageOf, type LamplighterError } from '../lifecycle/errors';
import type { Log } from '../lifecycle/log';
import type { ModelCard } from '../lifecycle/model';
import type { Claim, OpenRecord } from '../lifecycle/records';
import type { Stored } from '../lifecycle/store';
import { deleteRecords } from './begin';
import type { DrainContext } from './context';
import { errnoOf } from './errno';
import {
  AttemptFailure,
  InterruptedError,
  JobFailure,
  LeaseLostError,
  attemptsUsedUp,
  type FailureFacts,
} from './failures';
import type { JobFolder, ProcessEnd } from './host';
import { inputName } from './input-name';
import { jobLog } from './job-log';
import { Lease } from './lease';
import { DEFAULT_MAX_ATTEMPTS, describeExit, prepareModel, readCard } from './prepare';
import { publishReceipt, type ReceiptFacts } from './receipt';
import { runProgram } from './run-program';
import { StatusReport, progressIn } from './status';
import { uploadOutputs } from './upload';

/** `over`: the job has a receipt. `again`: it may be attempted again. `lost`: another drain has it. */
export type AttemptEnd = 'over' | 'again' | 'lost' | 'interrupted';

export interface AttemptOptions {
  /** Which of the jobs side by side it is, from 0. */
  readonly slot: number;
  /** How the attempt before this one ended, if there was one. */
  readonly ending: string | undefined;
  /** Told the card once the model is ready: from then on its other jobs may run beside this one. */
  readonly onReady: (card: ModelCard) => void;
}

interface Attempt {
  readonly context: DrainContext;
  readonly job: OpenRecord;
  readonly claim: Claim;
  readonly folder: JobFolder;
  readonly signal: AbortSignal;
  readonly status: StatusReport;
  readonly log: Log;
}

/** Makes one claimed attempt at a job: prepare, download, run, upload, receipt. Never throws for what went wrong in it. */
export async function makeAttempt(
  context: DrainContext,
  job: OpenRecord,
  claim: Stored<Claim>,
  options: AttemptOptions,
): Promise<AttemptEnd> {
  const { jobId } = job;
  const { attempt } = claim.record;
  const log = jobLog(context.log, { jobId, attempt });
  log.info('attempt begins', { key: job.input.key, model: job.model.name });
  const lease = new Lease(context, claim, log);
  const status = new StatusReport(context, { jobId, attempt }, log);
  const signal = AbortSignal.any([lease.lost, context.interrupt]);

  let folder: JobFolder | undefined;
  let end: AttemptEnd;
  try {
    status.show('preparing');
    folder = await context.host.newJobFolder(jobId, options.slot);
    const facts = await run({ context, job, claim: claim.record, folder, signal, status, log }, options);
    signal.throwIfAborted();
    end = await finish(context, job, lease, status, facts, log);
  } catch (thrown) {
    end = await fail(context, job, lease, status, signal.aborted ? signal.reason : thrown, log);
  }
  await lease.stop();
  await status.close();
  await folder
    ?.remove()
    .catch((error: unknown) => log.warn('job folder not removed', { error: messageOf(error) }));
  return end;
}

async function run(attempt: Attempt, { ending, onReady }: AttemptOptions): Promise<ReceiptFacts> {
  const { context, job, claim, folder, signal, status, log } = attempt;
  const card = await prepareModel(context, job.model, { folder, signal, log });
  onReady(card);
  if (claim.attempt > card.maxAttempts) {
    throw attemptsUsedUp(claim.attempt - 1, ending);
  }

  status.show('downloading');
  await download(attempt);

  status.show('running');
  const startedAt = timestamp(context.clock);
  const end = await runProgram(context, {
    folder,
    model: job.model,
    program: 'run',
    timeLimitSeconds: card.timeLimitMinutes * 60,
    signal,
    log,
    onLine: (line) => {
      const progress = progressIn(line);
      if (progress) status.show('running', progress);
    },
  });
  log.info('model ended', { ...end.exit, timedOut: end.timedOut });
  if (end.timedOut || end.exit.code !== 0) throw modelFailure(card, end, startedAt);

  status.show('uploading');
  const outputs = await uploadOutputs(context, job, claim.attempt, folder, signal);
  if (outputs.length === 0) {
    const facts = { exit: end.exit, stderrTail: end.stderrTail, startedAt };
    throw new JobFailure(
      'no output',
      `the model exited with code 0 but wrote no file into OUTPUT_DIR`,
      facts,
    );
  }
  return { outcome: 'succeeded', claimedAt: claim.claimedAt, startedAt, exit: end.exit, outputs };
}

async function download({ context, job, folder, signal }: Attempt): Promise<void> {
  const { bucket, key, versionId } = job.input;
  let answer;
  try {
    answer = await context.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }), {
      abortSignal: signal,
    });
  } catch (cause) {
    throw inputFailure(cause);
  }
  const bytes = await folder.receive(inputName(key), addAbortSignal(signal, answer.Body as Readable));
  if (answer.ContentLength !== undefined && bytes !== answer.ContentLength) {
    throw new AttemptFailure(
      'download',
      `the download broke off after ${bytes} of ${answer.ContentLength} bytes`,
    );
  }
}

function inputFailure(cause: unknown): unknown {
  if (httpStatusOf(cause) === 404 || httpStatusOf(cause) === 405) {
    const message = 'this version of the upload has been deleted; upload the file again';
    return new JobFailure('input gone', message, {}, { cause });
  }
  if (awsCodeOf(cause) === 'InvalidObjectState') {
    const message = 'the upload is in an archive storage class; restore it and upload it again';
    return new JobFailure('input archived', message, {}, { cause });
  }
  return cause;
}

function modelFailure(
  card: ModelCard,
  end: { readonly timedOut: boolean; readonly exit: ProcessEnd; readonly stderrTail: string },
  startedAt: string,
): LamplighterError {
  const Failure = card.retryOnFailure ? AttemptFailure : JobFailure;
  const facts = { exit: end.exit, stderrTail: end.stderrTail, startedAt };
  if (!end.timedOut) return new Failure('model failed', `the model ${describeExit(end.exit)}`, facts);
  const message = `the model was ended at its time limit of ${card.timeLimitMinutes} minutes (timeLimitMinutes in model.json)`;
  return new Failure('time limit', message, facts);
}

async function fail(
  context: DrainContext,
  job: OpenRecord,
  lease: Lease,
  status: StatusReport,
  thrown: unknown,
  log: Log,
): Promise<AttemptEnd> {
  const { attempt, claimedAt } = lease.claim;
  const reason = reasonOf(thrown);
  if (thrown instanceof LeaseLostError && thrown.takenOver) {
    log.warn('attempt abandoned', { reason });
    return 'lost';
  }
  const interrupted = thrown instanceof InterruptedError;
  const final = thrown instanceof JobFailure;
  const { kind, facts } = whatFailed(thrown);
  log.warn('attempt failed', { kind: interrupted ? 'interrupted' : kind, reason });
  try {
    if (final || (!interrupted && (await noneLeft(context, job, attempt)))) {
      const message = final || attempt === 1 ? reason : `attempt ${attempt}, the last one: ${reason}`;
      const failed = { outcome: 'failed', claimedAt, ...facts, error: { kind, message } } as const;
      return await finish(context, job, lease, status, failed, log);
    }
  } catch (error) {
    log.error('failed receipt not written', { error: messageOf(error) });
  }
  try {
    await lease.release(reason);
  } catch (error) {
    log.error('claim not released; it is free when its lease runs out', { error: messageOf(error) });
  }
  return interrupted ? 'interrupted' : 'again';
}

function whatFailed(thrown: unknown): { kind: string; facts: FailureFacts } {
  if (thrown instanceof JobFailure || thrown instanceof AttemptFailure) return thrown;
  return { kind: 'infrastructure', facts: {} };
}

function reasonOf(thrown: unknown): string {
  const full = errnoOf(thrown) === 'ENOSPC';
  return full ? "the instance's disk is full; raise diskGiB in the pipeline's settings" : messageOf(thrown);
}

async function noneLeft(context: DrainContext, job: OpenRecord, attempt: number): Promise<boolean> {
  return attempt >= ((await readCard(context, job.model))?.maxAttempts ?? DEFAULT_MAX_ATTEMPTS);
}

async function finish(
  context: DrainContext,
  job: OpenRecord,
  lease: Lease,
  status: StatusReport,
  facts: ReceiptFacts,
  log: Log,
): Promise<AttemptEnd> {
  await publishReceipt(context, job, lease.claim.attempt, facts, log);
  // Nobody may write a record of the job any more when its records are deleted.
  await lease.stop();
  await status.close();
  try {
    await deleteRecords(context, job.jobId);
  } catch (error) {
    log.warn('records of a finished job not deleted; settle does it', { error: messageOf(error) });
  }
  return 'over';
}

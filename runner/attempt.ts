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
import type { JobFolder } from './host';
import { inputName } from './input-name';
import { jobLog } from './job-log';
import { Lease } from './lease';
import { DEFAULT_MAX_ATTEMPTS, describeExit, prepareModel, readCard } from './prepare';
import { publishReceipt, type ReceiptFacts } from './receipt';
import { runProgram, type ProgramEnd } from './run-program';
import { StatusReport, progressIn } from './status';
import { uploadOutputs } from './upload';

/** `over`: the job has a receipt. `again`: another attempt may follow. `lost`: another drain has claimed the job. */
export type AttemptEnd = 'over' | 'again' | 'lost' | 'interrupted';

export interface AttemptOptions {
  /** Index of this job among those side by side, from 0. */
  readonly slot: number;
  /** How the previous attempt ended, if there was one. */
  readonly previousEnding: string | undefined;
  /** Called with the model card when the model is ready. From then on other jobs of this model may run in parallel. */
  readonly onReady: (card: ModelCard) => void;
}

/** Makes one claimed attempt at a job: prepare, download, run, upload, receipt. Never throws for a failed attempt. */
export function makeAttempt(
  context: DrainContext,
  job: OpenRecord,
  claim: Stored<Claim>,
  options: AttemptOptions,
): Promise<AttemptEnd> {
  return new Attempt(context, job, claim, options).make();
}

class Attempt {
  private readonly number: number;
  private readonly log: Log;
  private readonly lease: Lease;
  private readonly status: StatusReport;
  private readonly signal: AbortSignal;
  private folder: JobFolder | undefined;

  constructor(
    private readonly context: DrainContext,
    private readonly job: OpenRecord,
    claim: Stored<Claim>,
    private readonly options: AttemptOptions,
  ) {
    const { jobId } = job;
    this.number = claim.record.attempt;
    this.log = jobLog(context.log, { jobId, attempt: this.number });
    this.log.info('attempt begins', { key: job.input.key, model: job.model.name });
    this.lease = new Lease(context, claim, this.log);
    this.status = new StatusReport(context, { jobId, attempt: this.number }, this.log);
    this.signal = AbortSignal.any([this.lease.lost, context.interrupt]);
  }

  async make(): Promise<AttemptEnd> {
    const { context, job, options, signal } = this;
    let end: AttemptEnd | undefined;
    try {
      this.status.show('preparing');
      this.folder = await context.host.newJobFolder(job.jobId, options.slot);
      const facts = await this.run(this.folder);
      signal.throwIfAborted();
      await this.publish(facts);
      end = 'over';
    } catch (thrown) {
      end = await this.fail(signal.aborted ? signal.reason : thrown);
    } finally {
      await this.close(end === 'over');
    }
    return end;
  }

  private async run(folder: JobFolder): Promise<ReceiptFacts> {
    const { context, job, signal, status, log } = this;
    const { claimedAt } = this.lease.claim;
    const card = await prepareModel(context, job.model, { folder, signal, log });
    this.options.onReady(card);
    if (this.number > card.maxAttempts) {
      throw attemptsUsedUp(this.number - 1, this.options.previousEnding);
    }

    status.show('downloading');
    await this.download(folder);

    status.show('running');
    const startedAt = timestamp(context.clock);
    const end = await runProgram(context, {
      folder,
      model: job.model,
      program: 'run',
      // D10
      timeLimitSeconds: card.timeLimitMinutes * 60,
      signal,
      log,
      onLine: (line) => {
        const progress = progressIn(line);
        if (progress) status.show('running', progress);
      },
    });
    log.info('model ended', { ...end.exit, timedOut: end.timedOut });
    const facts = { exit: end.exit, stderrTail: end.stderrTail, startedAt };
    if (end.timedOut || end.exit.code !== 0) throw modelFailure(card, end, facts);

    status.show('uploading');
    const outputs = await uploadOutputs(context, job, this.number, folder, signal);
    if (outputs.length === 0) {
      const message = 'the model exited with code 0 but wrote no file into OUTPUT_DIR';
      throw new JobFailure('no output', message, facts);
    }
    return { outcome: 'succeeded', claimedAt, startedAt, exit: end.exit, outputs };
  }

  private async download(folder: JobFolder): Promise<void> {
    const { context, job, signal } = this;
    const { bucket, key, versionId } = job.input;
    let answer;
    try {
      const request = new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId });
      answer = await context.s3.send(request, { abortSignal: signal });
    } catch (cause) {
      throw inputFailure(cause);
    }
    const bytes = await folder.receive(inputName(key), addAbortSignal(signal, answer.Body as Readable));
    if (answer.ContentLength !== undefined && bytes !== answer.ContentLength) {
      const message = `the download ended after ${bytes} of ${answer.ContentLength} bytes`;
      throw new AttemptFailure('download', message);
    }
  }

  /** Writes a failed receipt if no attempt may follow. Otherwise releases the claim, so that the next one may begin. */
  private async fail(thrown: unknown): Promise<AttemptEnd> {
    const { log } = this;
    const reason = reasonOf(thrown);
    if (thrown instanceof LeaseLostError && thrown.takenOver) {
      log.warn('attempt abandoned', { reason });
      return 'lost';
    }
    const interrupted = thrown instanceof InterruptedError;
    const final = thrown instanceof JobFailure;
    const { kind, facts } = failureOf(thrown);
    log.warn('attempt failed', { kind: interrupted ? 'interrupted' : kind, reason });
    try {
      if (final || (!interrupted && (await this.isLast()))) {
        const { claimedAt } = this.lease.claim;
        const message =
          final || this.number === 1 ? reason : `attempt ${this.number}, the last one: ${reason}`;
        await this.publish({ outcome: 'failed', claimedAt, ...facts, error: { kind, message } });
        return 'over';
      }
    } catch (error) {
      log.error('failed receipt not written', { error: messageOf(error) });
    }
    try {
      await this.lease.release(reason);
    } catch (error) {
      log.error('claim not released; it is free when its lease runs out', { error: messageOf(error) });
    }
    return interrupted ? 'interrupted' : 'again';
  }

  private async isLast(): Promise<boolean> {
    const card = await readCard(this.context, this.job.model);
    return this.number >= (card?.maxAttempts ?? DEFAULT_MAX_ATTEMPTS);
  }

  /** D11: the outputs are uploaded, and the records are deleted afterwards (`close`). */
  private async publish(facts: ReceiptFacts): Promise<void> {
    await publishReceipt(this.context, this.job, this.number, facts, this.log);
  }

  /**
   * Ends the lease and the status report first: a record that they write after its deletion would stay for ever. Then
   * deletes the records of a job that has its receipt, and the job's folder.
   */
  private async close(hasReceipt: boolean): Promise<void> {
    const { context, job, log } = this;
    await this.lease.stop();
    await this.status.close();
    if (hasReceipt) {
      await deleteRecords(context, job.jobId).catch((error: unknown) =>
        log.warn('records of a finished job not deleted; settle does it', { error: messageOf(error) }),
      );
    }
    await this.folder
      ?.remove()
      .catch((error: unknown) => log.warn('job folder not removed', { error: messageOf(error) }));
  }
}

function inputFailure(cause: unknown): unknown {
  // 404: the version is gone. 405: the version is a delete marker.
  // https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
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
  { exit, timedOut }: Pick<ProgramEnd, 'exit' | 'timedOut'>,
  facts: FailureFacts,
): LamplighterError {
  // D9
  const Failure = card.retryOnFailure ? AttemptFailure : JobFailure;
  if (!timedOut) return new Failure('model failed', `the model ${describeExit(exit)}`, facts);
  const message = `the model was ended at its time limit of ${card.timeLimitMinutes} minutes (timeLimitMinutes in model.json)`;
  return new Failure('time limit', message, facts);
}

function failureOf(thrown: unknown): { kind: string; facts: FailureFacts } {
  if (thrown instanceof JobFailure || thrown instanceof AttemptFailure) return thrown;
  return { kind: 'infrastructure', facts: {} };
}

function reasonOf(thrown: unknown): string {
  const full = errnoOf(thrown) === 'ENOSPC';
  return full ? "the instance's disk is full; raise diskGiB in the pipeline's settings" : messageOf(thrown);
}

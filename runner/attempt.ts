import { GetObjectCommand } from '@aws-sdk/client-s3';
import { addAbortSignal, type Readable } from 'node:stream';
import { failuresIn } from '../lifecycle/attempts';
import { timestamp } from '../lifecycle/clock';
import { awsCodeOf, httpStatusOf, messageOf, type LamplighterError } from '../lifecycle/errors';
import type { Log } from '../lifecycle/log';
import type { ModelCard } from '../lifecycle/model';
import type { Claim } from '../lifecycle/records';
import type { Stored } from '../lifecycle/store';
import { deleteRecords, type OpenJob } from './begin';
import type { DrainContext } from './context';
import { noteEnd, type AttemptsReading } from './ended-attempts';
import { endingOf, isRefusal, type Ending } from './ending';
import {
  AttemptFailure,
  ClaimLostError,
  InputRefusedError,
  Interruption,
  JobFailure,
  type FailureFacts,
} from './failures';
import type { JobFolder } from './host';
import { inputName } from './input-name';
import { jobLog } from './job-log';
import { Lease } from './lease';
import { persist } from './persist';
import { prepareModel } from './prepare';
import {
  DISK_WAS_FULL,
  describeExit,
  describeMemory,
  endFromOutside,
  isKilled,
  killFromOutside,
} from './program-ends';
import { publishReceipt, type ReceiptFacts } from './receipt';
import { runProgram, type ProgramEnd } from './run-program';
import { StatusReport, progressIn } from './status';
import { leaveTrace } from './trace';
import { uploadOutputs } from './upload';

/**
 * - `over`: the job has a receipt.
 * - `failed`: the model ended the attempt, and its card allows another.
 * - `given back`: anything but the model ended the attempt.
 * - `lost`: another drain has the claim, or this one is interrupted before it could write the end.
 */
export type AttemptEnd = 'over' | 'failed' | 'given back' | 'lost';

export interface AttemptOptions {
  /** Index of this job among those side by side, from 0. */
  readonly slot: number;
  /** The ended attempts before this one. */
  readonly attempts: AttemptsReading;
  /** Called with the model card when the model is ready. From then on other jobs of this model may run in parallel. */
  readonly onReady: (card: ModelCard) => void;
  /** Called when the job's program begins. */
  readonly onProgram: () => void;
  /** Called when SIGKILL does not end the job's program. The machine must reboot when no other job runs. */
  readonly onStuck: () => void;
}

/** Time for which S3 must refuse an input, although it reads others, before the job fails, in milliseconds. */
const INPUT_REFUSED_MS = 24 * 3_600_000;

/** Makes one claimed attempt at a job: prepare, download, run, upload, receipt. Never throws for a failed attempt. */
export function makeAttempt(
  context: DrainContext,
  job: OpenJob,
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
  private traced: Promise<void> | undefined;
  private hasRecord: boolean;
  private isStuck = false;
  private card: ModelCard | undefined;

  constructor(
    private readonly context: DrainContext,
    private readonly job: OpenJob,
    claim: Stored<Claim>,
    private readonly options: AttemptOptions,
  ) {
    const { jobId } = job;
    this.number = claim.record.attempt;
    this.hasRecord = options.attempts.etag !== undefined;
    this.log = jobLog(context.log, { jobId, attempt: this.number });
    this.log.info('attempt begins', { key: job.input.key, model: job.model.name });
    this.lease = new Lease(context, claim, this.log);
    this.status = new StatusReport(context, { jobId, attempt: this.number }, this.log);
    this.signal = AbortSignal.any([this.lease.lost, context.interrupt]);
  }

  async make(): Promise<AttemptEnd> {
    let end: AttemptEnd = 'lost';
    try {
      const result = await this.result();
      if ('outcome' in result) {
        await this.publish(result);
        end = 'over';
      } else {
        end = await this.endWithoutResult(result);
      }
    } catch (error) {
      this.log.warn('attempt abandoned', {
        reason: messageOf(this.signal.aborted ? this.signal.reason : error),
      });
    } finally {
      await this.close(end === 'over');
    }
    return end;
  }

  /** The facts for the receipt, or what ended the attempt without a result. Throws ClaimLostError. */
  private async result(): Promise<ReceiptFacts | Ending> {
    const { context, job, options, signal } = this;
    try {
      this.status.show('preparing');
      const { number } = this;
      this.folder = await context.host.newJobFolder({ jobId: job.jobId, number, slot: options.slot });
      const facts = await this.run(this.folder);
      signal.throwIfAborted();
      return facts;
    } catch (thrown) {
      const cause: unknown = signal.aborted ? signal.reason : thrown;
      if (cause instanceof ClaimLostError) throw cause;
      return endingOf(cause);
    }
  }

  private async run(folder: JobFolder): Promise<ReceiptFacts> {
    const { context, job, signal, status, log } = this;
    const onStuck = () => {
      this.isStuck = true;
      this.options.onStuck();
    };
    const card = await prepareModel(context, job.model, { folder, signal, log, onStuck });
    this.card = card;
    this.options.onReady(card);

    status.show('downloading');
    await this.download(folder);

    status.show('running');
    this.options.onProgram();
    this.traced = leaveTrace(context, 'claimed', job.jobId);
    const startedAt = timestamp(context.clock);
    const end = await runProgram(context, {
      folder,
      model: job.model,
      program: 'run',
      // D10
      timeLimitSeconds: card.timeLimitMinutes * 60,
      limits: card,
      signal,
      log,
      onLine: (line) => {
        const progress = progressIn(line);
        if (progress) status.show('running', progress);
      },
      onStuck,
    });
    log.info('model ended', { ...end.exit, timedOut: end.timedOut });
    const isolation = folder.isolation('run', card);
    const facts = { exit: end.exit, stderrTail: end.stderrTail, startedAt, isolation };
    const outside = (await endFromOutside(context, end)) ?? killFromOutside(end, this.wasKilledBefore());
    if (outside) throw outside;
    if (end.timedOut || end.exit.code !== 0) {
      const used = describeMemory(context.host, isolation, end.memory);
      throw modelFailure(card, end, facts, { isDiskFull: await folder.isDiskFull(), used });
    }

    status.show('uploading');
    // D24: the model has succeeded. From here on only a bad output may end the attempt without a result.
    const outputs = await persist(context, { what: 'outputs', log, signal }, () =>
      uploadOutputs(context, job, this.number, folder, signal),
    );
    if (outputs.length === 0) {
      const message = 'the model exited with code 0 but wrote no file into OUTPUT_DIR';
      throw new JobFailure('no output', message, facts);
    }
    const { claimedAt } = this.lease.claim;
    return { outcome: 'succeeded', claimedAt, startedAt, exit: end.exit, isolation, outputs };
  }

  private async download(folder: JobFolder): Promise<void> {
    const { context, job, signal } = this;
    const { bucket, key, versionId } = job.input;
    let answer;
    try {
      const request = new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId });
      answer = await context.s3.send(request, { abortSignal: signal });
    } catch (cause) {
      throw this.inputFailure(cause);
    }
    const bytes = await folder.receive(inputName(key), addAbortSignal(signal, answer.Body as Readable));
    if (answer.ContentLength !== undefined && bytes !== answer.ContentLength) {
      const message = `the download ended after ${bytes} of ${answer.ContentLength} bytes`;
      throw new Interruption('weather', message);
    }
    context.lastInputRead = job.jobId;
  }

  private inputFailure(cause: unknown): unknown {
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
    if (!isRefusal(cause)) return cause;
    const why = `S3 refuses to read this upload: ${awsCodeOf(cause) ?? 'no code'}: ${messageOf(cause)}`;
    // D25
    const { lastInputRead, clock } = this.context;
    const readsOthers = lastInputRead !== undefined && lastInputRead !== this.job.jobId;
    if (!readsOthers || clock.now() - Date.parse(this.refusedSince()) < INPUT_REFUSED_MS) {
      return new InputRefusedError(why, { cause });
    }
    const message = `${why}. It has been so for a day, while other uploads could be read; check the upload's permissions and its KMS key, then upload it again`;
    return new JobFailure('input refused', message, {}, { cause });
  }

  private refusedSince(): string {
    return this.options.attempts.record?.inputRefusedSince ?? timestamp(this.context.clock);
  }

  /** Writes a failed receipt if no other attempt may follow. Otherwise notes the end, and then releases the claim. */
  private async endWithoutResult(ending: Ending): Promise<AttemptEnd> {
    const { context, log, number, options, job } = this;
    const { cause, why, isFinal, kind, facts, isInputRefused, wasKilled } = ending;
    log.warn('attempt ended', { cause, kind, reason: why });
    const isLast = cause === 'model' && (isFinal || this.isLastFailure());
    if (isLast) {
      const { claimedAt } = this.lease.claim;
      const message = isFinal || number === 1 ? why : `attempt ${number}, the last one: ${why}`;
      await this.publish({ outcome: 'failed', claimedAt, ...facts, error: { kind, message } });
      return 'over';
    }
    await this.lease.stop();
    const what = { what: 'end of the attempt', log, signal: this.signal };
    const inputRefusedSince = isInputRefused ? this.refusedSince() : undefined;
    await persist(context, what, async () => {
      const end = { attempt: number, cause, why, inputRefusedSince, ...(wasKilled && { wasKilled }) };
      await noteEnd(context, job.jobId, options.attempts, end);
      this.hasRecord = true;
    });
    await persist(context, what, () => this.lease.release(why));
    return cause === 'model' ? 'failed' : 'given back';
  }

  private wasKilledBefore(): boolean {
    return this.options.attempts.record?.ended.some(({ wasKilled }) => wasKilled === true) ?? false;
  }

  /** Whether the model has failed as often as its card allows. */
  private isLastFailure(): boolean {
    const { attempts } = this.options;
    const failures = failuresIn(attempts.record?.ended ?? []) + 1;
    return failures >= (this.job.pinned.maxAttempts ?? this.card?.maxAttempts ?? 1);
  }

  /** D11: the outputs are uploaded, and the records are deleted afterwards (`close`). */
  private async publish(facts: ReceiptFacts): Promise<void> {
    const { context, job, number, log, signal, options } = this;
    const ended = options.attempts.record?.ended ?? [];
    await publishReceipt(context, job, facts, { attempt: number, ended, log, signal });
  }

  /**
   * Ends the lease and the status report first: a record that they write after its deletion would stay for ever. Then
   * deletes the records of a job that has its receipt, and the job's folder.
   */
  private async close(hasReceipt: boolean): Promise<void> {
    const { context, job, log } = this;
    await this.lease.stop();
    await this.status.close();
    await this.traced;
    if (hasReceipt) {
      await deleteRecords(context, job.jobId, this.hasRecord).catch((error: unknown) =>
        log.warn('records of a finished job not deleted; settle does it', { error: messageOf(error) }),
      );
    }
    // A program that the kernel holds may hold files of its folder. The next boot's drain removes it.
    if (this.isStuck) return;
    await this.folder
      ?.remove()
      .catch((error: unknown) => log.warn('job folder not removed', { error: messageOf(error) }));
  }
}

function modelFailure(
  card: ModelCard,
  end: ProgramEnd,
  facts: FailureFacts,
  machine: { readonly isDiskFull: boolean; readonly used: string },
): LamplighterError {
  // D9
  const Failure = card.retryOnFailure ? AttemptFailure : JobFailure;
  if (end.timedOut) {
    const message = `the model was ended at its time limit of ${card.timeLimitMinutes} minutes (timeLimitMinutes in model.json)`;
    return new Failure('time limit', message, facts);
  }
  const how = `the model ${describeExit(end.exit)}`;
  if (isKilled(end) || end.memory.ranOut) {
    const why = end.memory.ranOut ? 'memory ran out' : 'as it was once before';
    const message = `${how}: ${why}. ${machine.used}; choose an instanceType with more memory, or have the model use less`;
    return new Failure('memory', message, facts);
  }
  if (!machine.isDiskFull) return new Failure('model failed', how, facts);
  return new Failure('model failed', `${how}, ${DISK_WAS_FULL}`, facts);
}

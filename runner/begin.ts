import { mustRunAlone } from '../lifecycle/attempts';
import { InvalidInputError, NewerVersionError } from '../lifecycle/errors';
import { readGate } from '../lifecycle/gate';
import { attemptsKey, claimKey, openKey, resultsPrefix, statusKey } from '../lifecycle/job';
import { modelCardSchema } from '../lifecycle/model';
import {
  OPEN_METADATA,
  openRecordSchema,
  type Claim,
  type EndedAttempts,
  type OpenRecord,
  type Receipt,
} from '../lifecycle/records';
import type { Metadata, Stored } from '../lifecycle/store';
import {
  claimable,
  giveBackClaim,
  readClaim,
  takeClaim,
  type Claimable,
  type ClaimReading,
  type ForeignClaims,
} from './claim';
import type { DrainContext } from './context';
import { NO_ATTEMPTS, noteEnd, readAttempts, type AttemptsReading } from './ended-attempts';
import { noteDeaths } from './post-mortem';
import { readCard } from './prepare';
import { leaveTrace } from './trace';
import { verdictOn, type Limits } from './verdict';

/** An open job, with the bounds that its card had at its admission. */
export interface OpenJob extends OpenRecord {
  readonly pinned: Partial<Limits>;
}

/** The result of `begin`. */
export type Beginning =
  /** This drain has claimed the job and must run it. `isAlone`: no other job may run beside it. */
  | {
      readonly kind: 'claimed';
      readonly claim: Stored<Claim>;
      readonly attempts: AttemptsReading;
      readonly isAlone: boolean;
    }
  /** No further attempt may begin. */
  | {
      readonly kind: 'failed';
      readonly error: NonNullable<Receipt['error']>;
      readonly attempt: number;
      readonly ended: readonly EndedAttempts[];
    }
  /** The job has its receipt. Its records are deleted. */
  | { readonly kind: 'over' }
  /** Another drain holds the job, or its records must be read again. */
  | { readonly kind: 'held' }
  /** The job must run alone, and other jobs run. */
  | { readonly kind: 'must run alone' }
  /** The gate is not open: no job may begin. */
  | { readonly kind: 'gate-closed' };

/**
 * Reads an open record. Returns undefined if the record is gone. Deletes a record that cannot be read and returns undefined:
 * the bucket is versioned, so the record remains as evidence, and the audit admits its upload again.
 */
export async function readOpenRecord(
  { control, log }: DrainContext,
  jobId: string,
): Promise<OpenJob | 'newer' | undefined> {
  const key = openKey(jobId);
  try {
    const stored = await control.get(key, openRecordSchema);
    if (!stored) return undefined;
    if (stored.record.jobId === jobId) return { ...stored.record, pinned: pinnedIn(stored.metadata) };
    log.error('open record deleted: it is of another job than its key', { jobId, says: stored.record.jobId });
  } catch (error) {
    // D22
    if (error instanceof NewerVersionError) return 'newer';
    if (!(error instanceof InvalidInputError)) throw error;
    log.error('open record deleted: it cannot be read', { jobId, error: error.message });
  }
  await control.delete(key);
  return undefined;
}

function pinnedIn(metadata: Metadata): Partial<Limits> {
  const { maxAttempts, maxInterruptions } = modelCardSchema.shape;
  const attempts = maxAttempts.safeParse(Number(metadata[OPEN_METADATA.maxAttempts])).data;
  const interruptions = maxInterruptions.safeParse(Number(metadata[OPEN_METADATA.maxInterruptions])).data;
  return {
    ...(attempts !== undefined && { maxAttempts: attempts }),
    ...(interruptions !== undefined && { maxInterruptions: interruptions }),
  };
}

/** What the drain knows beyond the job. */
export interface BeginOptions {
  /** No other job runs. */
  readonly isIdle: boolean;
  readonly foreign: ForeignClaims;
  /** This call has noted the deaths of dead drains already. */
  readonly isNoted?: boolean;
}

/**
 * Claims a job from the list of open jobs, if the job may begin. Reads the gate twice (D3, D4): after the list and before the
 * claim, then again after the claim. The breaker writes CLOSING and then lists the claims. So the drain sees CLOSING,
 * or the breaker sees the claim.
 */
export async function begin(context: DrainContext, job: OpenJob, options: BeginOptions): Promise<Beginning> {
  const { control, output, log } = context;
  const { jobId } = job;
  const names = await output.names(resultsPrefix(job.input.key, jobId));
  // D2
  if (names.includes('receipt.json')) {
    await deleteRecords(context, jobId);
    return { kind: 'over' };
  }
  if ((await readGate(control)).state !== 'OPEN') return { kind: 'gate-closed' };

  const present = await readClaim(context, jobId);
  const is = claimable(present, { machineId: context.host.machineId, drainId: context.drainId });
  if (is === 'dead') {
    if (options.isNoted) return { kind: 'held' };
    await noteDeaths(context);
    return begin(context, job, { ...options, isNoted: true });
  }
  const used = Math.max(present.record?.attempt ?? 0, ...names.map(attemptIn));
  const attempts = await endedBefore(context, jobId, { present, is, used }, options);
  if (!attempts) return { kind: 'held' };
  const ended = attempts.record?.ended ?? [];
  // D23: a number is never used again, also not after a receipt was deleted to run an upload again.
  const last = Math.max(used, ended.at(-1)?.last ?? 0);
  const error = verdictOn(ended, await limitsOf(context, job));
  if (error) return { kind: 'failed', error, attempt: last, ended };
  // D27
  const isAlone = mustRunAlone(ended);
  if (isAlone && !options.isIdle) return { kind: 'must run alone' };

  const claim = await takeClaim(context, jobId, last + 1, present);
  if (!claim) return { kind: 'held' };
  let state;
  try {
    ({ state } = await readGate(control));
  } catch (error_) {
    await giveBackClaim(context, claim, present);
    throw error_;
  }
  if (state === 'OPEN') return { kind: 'claimed', claim, attempts, isAlone };
  await giveBackClaim(context, claim, present);
  log.info('claim given back: the gate closed', { jobId });
  return { kind: 'gate-closed' };
}

/** The number in `attempt-<n>/`, or 0. */
function attemptIn(name: string): number {
  return Number(/^attempt-(\d+)\/$/.exec(name)?.[1] ?? 0);
}

/** The job's ended attempts, with the end of the attempt that the claim is of. Undefined: the job is held for now. */
async function endedBefore(
  context: DrainContext,
  jobId: string,
  { present, is, used }: { present: ClaimReading; is: Claimable; used: number },
  { foreign }: BeginOptions,
): Promise<AttemptsReading | undefined> {
  const etag = present.etag ?? '';
  if (is === 'held' && (present.isNewer || !foreign.hasExpired(context, jobId, etag))) return undefined;
  // Without a claim and without outputs of an attempt, no attempt has been made.
  if (used === 0 && present.etag === undefined) return NO_ATTEMPTS;
  const attempts = await readAttempts(context, jobId);
  if (attempts.isNewer) return undefined;
  const attempt = present.record?.attempt ?? used;
  if (is === 'held') {
    return noteEnd(context, jobId, attempts, {
      attempt,
      cause: 'machine',
      why: 'the lease of another machine ran out',
    });
  }
  if (is === 'own') {
    return noteEnd(context, jobId, attempts, {
      attempt,
      cause: 'weather',
      why: 'its end could not be written',
    });
  }
  return attempts;
}

/** The pinned bounds, or those of the card on the disk, or the defaults. */
async function limitsOf(context: DrainContext, { model, pinned }: OpenJob): Promise<Limits> {
  const { maxAttempts, maxInterruptions } = modelCardSchema.shape;
  const isPinned = pinned.maxAttempts !== undefined && pinned.maxInterruptions !== undefined;
  const card = isPinned ? undefined : await readCard(context, model);
  return {
    maxAttempts: pinned.maxAttempts ?? card?.maxAttempts ?? maxAttempts.parse(undefined),
    maxInterruptions: pinned.maxInterruptions ?? card?.maxInterruptions ?? maxInterruptions.parse(undefined),
  };
}

/**
 * D13: deletes the records of a job that has its receipt. The open record goes first, because it alone means work.
 * @param hasAttempts whether the job may have a record of ended attempts. A delete of nothing would leave a delete marker.
 */
export async function deleteRecords(context: DrainContext, jobId: string, hasAttempts = true): Promise<void> {
  const { control } = context;
  await control.delete(openKey(jobId));
  await control.delete(claimKey(jobId));
  if (hasAttempts) await control.delete(attemptsKey(jobId));
  await control.delete(statusKey(jobId));
  await leaveTrace(context, 'ended', jobId);
}

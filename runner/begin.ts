import { InvalidInputError } from '../lifecycle/errors';
import { readGate } from '../lifecycle/gate';
import { claimKey, openKey, receiptKey, statusKey } from '../lifecycle/job';
import { openRecordSchema, type Claim, type OpenRecord } from '../lifecycle/records';
import type { Stored } from '../lifecycle/store';
import { claimable, giveBackClaim, readClaim, takeClaim } from './claim';
import type { DrainContext } from './context';
import { DEFAULT_MAX_ATTEMPTS, readCard } from './prepare';
import { leaveTrace } from './trace';

/** The result of `begin`. `previousEnding`: how the previous attempt at the job ended, if there was one. */
export type Beginning =
  /** This drain has claimed the job and must run it. */
  | { readonly kind: 'claimed'; readonly claim: Stored<Claim>; readonly previousEnding: string | undefined }
  /** `attempts` have been made, and the model card allows no more. */
  | { readonly kind: 'used-up'; readonly attempts: number; readonly previousEnding: string | undefined }
  /** The job has its receipt. Its records are deleted. */
  | { readonly kind: 'over' }
  /** Another drain holds the job, at least until this time (milliseconds since the epoch). */
  | { readonly kind: 'held'; readonly until: number }
  /** The gate is not open: no job may begin. */
  | { readonly kind: 'gate-closed' };

/**
 * Reads an open record. Returns undefined if the record is gone. Deletes a record that cannot be read and returns
 * undefined: the bucket is versioned, so the record remains as evidence, and the audit admits its upload again.
 */
export async function readOpenRecord(
  { control, log }: DrainContext,
  jobId: string,
): Promise<OpenRecord | undefined> {
  const key = openKey(jobId);
  try {
    const stored = await control.get(key, openRecordSchema);
    if (!stored || stored.record.jobId === jobId) return stored?.record;
    log.error('open record deleted: it is of another job than its key', { jobId, says: stored.record.jobId });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    log.error('open record deleted: it cannot be read', { jobId, error: error.message });
  }
  await control.delete(key);
  return undefined;
}

/**
 * Claims a job from the list of open jobs, if the job may begin. Reads the gate twice (D3, D4): after the list and before the
 * claim, then again after the claim. The breaker writes CLOSING and then lists the claims. So the drain sees CLOSING,
 * or the breaker sees the claim.
 */
export async function begin(context: DrainContext, job: OpenRecord): Promise<Beginning> {
  const { control, output, host, drainId, clock, log } = context;
  const { jobId } = job;
  // D2
  if (await output.exists(receiptKey(job.input.key, jobId))) {
    await deleteRecords(context, jobId);
    return { kind: 'over' };
  }
  if ((await readGate(control)).state !== 'OPEN') return { kind: 'gate-closed' };

  const present = await readClaim(context, jobId);
  const rule = claimable(present, { bootId: host.bootId, drainId, now: clock.now() });
  if (!rule.free) return { kind: 'held', until: rule.heldUntil };
  const { attempts, previousEnding } = rule;
  // D8
  if (attempts >= ((await readCard(context, job.model))?.maxAttempts ?? DEFAULT_MAX_ATTEMPTS)) {
    return { kind: 'used-up', attempts, previousEnding };
  }

  const claim = await takeClaim(context, jobId, attempts + 1, present);
  if (!claim) return { kind: 'held', until: clock.now() };
  let state;
  try {
    ({ state } = await readGate(control));
  } catch (error) {
    await giveBackClaim(context, claim, previousEnding);
    throw error;
  }
  if (state === 'OPEN') {
    await leaveTrace(context, 'claimed', jobId);
    return { kind: 'claimed', claim, previousEnding };
  }
  await giveBackClaim(context, claim, previousEnding);
  log.info('claim given back: the gate closed', { jobId });
  return { kind: 'gate-closed' };
}

/** D13: deletes the records of a job that has its receipt. The open record goes first, because it alone means work. */
export async function deleteRecords(context: DrainContext, jobId: string): Promise<void> {
  const { control } = context;
  await control.delete(openKey(jobId));
  await control.delete(claimKey(jobId));
  await control.delete(statusKey(jobId));
  await leaveTrace(context, 'ended', jobId);
}

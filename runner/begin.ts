import { InvalidInputError } from '../lifecycle/errors';
import { readGate } from '../lifecycle/gate';
import { claimKey, openKey, receiptKey, statusKey } from '../lifecycle/job';
import { openRecordSchema, parseRecord, type Claim, type OpenRecord } from '../lifecycle/records';
import type { Stored } from '../lifecycle/store';
import { claimable, giveBackClaim, readClaim, takeClaim } from './claim';
import type { DrainContext } from './context';
import { DEFAULT_MAX_ATTEMPTS, readCard } from './prepare';
import { leaveTrace } from './trace';

/** What came of looking at an open job. */
export type Beginning =
  /** It is this drain's to run; the attempt before it, if there was one, ended as said. */
  | { readonly kind: 'claimed'; readonly claim: Stored<Claim>; readonly ending: string | undefined }
  /** Its attempts are used up; `attempts` were made, the last ended as said. */
  | { readonly kind: 'used up'; readonly attempts: number; readonly ending: string | undefined }
  /** It has its receipt, or was never a job; its records are gone now. */
  | { readonly kind: 'over' }
  /** Another drain holds it, until this time at least (milliseconds since the epoch). */
  | { readonly kind: 'held'; readonly until: number }
  /** The gate is not open: no job may begin. */
  | { readonly kind: 'closed' };

/**
 * Reads an open record. Undefined: it is gone, or was garbage and has been deleted. The bucket is versioned, so garbage
 * stays as evidence, and the audit admits its upload again.
 */
export async function readOpenRecord(
  { control, log }: DrainContext,
  jobId: string,
): Promise<OpenRecord | undefined> {
  const key = openKey(jobId);
  const stored = await control.getText(key);
  if (!stored) return undefined;
  try {
    const record = parseRecord(openRecordSchema, `s3://${control.bucket}/${key}`, stored.text);
    if (record.jobId === jobId) return record;
    log.error('open record deleted: it is of another job than its key', { jobId, says: record.jobId });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    log.error('open record deleted: it cannot be read', { jobId, error: error.message });
  }
  await control.delete(key);
  return undefined;
}

/**
 * Claims a job that has been seen open, if it may begin. The gate is read before the claim, having seen the job, and
 * again after it: the breaker writes CLOSING and then lists the claims, so one of the two sees the other.
 */
export async function begin(context: DrainContext, job: OpenRecord): Promise<Beginning> {
  const { control, output, host, drainId, clock, log } = context;
  const { jobId } = job;
  if (await output.exists(receiptKey(job.input.key, jobId))) {
    await deleteRecords(context, jobId);
    return { kind: 'over' };
  }
  if ((await readGate(control)).state !== 'OPEN') return { kind: 'closed' };

  const present = await readClaim(context, jobId);
  const rule = claimable(present, { bootId: host.bootId, drainId, now: clock.now() });
  if (!rule.free) return { kind: 'held', until: rule.heldUntil };
  const { attempts, ending } = rule;
  if (attempts >= ((await readCard(context, job.model))?.maxAttempts ?? DEFAULT_MAX_ATTEMPTS)) {
    return { kind: 'used up', attempts, ending };
  }

  const claim = await takeClaim(context, jobId, attempts + 1, present);
  if (!claim) return { kind: 'held', until: clock.now() };
  let state;
  try {
    ({ state } = await readGate(control));
  } catch (error) {
    await giveBackClaim(context, claim, ending);
    throw error;
  }
  if (state === 'OPEN') {
    await leaveTrace(context, 'claimed', jobId);
    return { kind: 'claimed', claim, ending };
  }
  await giveBackClaim(context, claim, ending);
  log.info('claim given back: the gate closed', { jobId });
  return { kind: 'closed' };
}

/** Ends a job that has its receipt. The open record goes first: it alone says that there is work. */
export async function deleteRecords(context: DrainContext, jobId: string): Promise<void> {
  const { control } = context;
  await control.delete(openKey(jobId));
  await control.delete(claimKey(jobId));
  await control.delete(statusKey(jobId));
  await leaveTrace(context, 'ended', jobId);
}

import type { LedgerContext } from './context';
import { InvalidInputError, NewerVersionError, messageOf } from './errors';
import { CLAIM_PREFIX, OPEN_PREFIX, claimKey, jobIdInLedgerKey, openKey, receiptKey } from './job';
import { LEASE_SECONDS, claimSchema, openRecordSchema } from './records';
import type { Store } from './store';

export interface ListedJob {
  readonly jobId: string;
  /** When the job was admitted: an open record is written once. */
  readonly openSince: Date | undefined;
}

/** The open jobs. Objects with other names below `open/` are ignored. */
export async function listOpenJobs(control: Store): Promise<ListedJob[]> {
  const jobs: ListedJob[] = [];
  for await (const { key, lastModified } of control.list(OPEN_PREFIX)) {
    const jobId = jobIdInLedgerKey(OPEN_PREFIX, key);
    if (jobId !== undefined) jobs.push({ jobId, openSince: lastModified });
  }
  return jobs;
}

/** Whether any job is open, except these. Nothing else decides whether there is work. */
export async function anyOpen(control: Store, except: ReadonlySet<string> = new Set()): Promise<boolean> {
  for await (const { key } of control.list(OPEN_PREFIX)) {
    const jobId = jobIdInLedgerKey(OPEN_PREFIX, key);
    if (jobId !== undefined && !except.has(jobId)) return true;
  }
  return false;
}

/** `newer`: the record is of a newer release. It is open, but this release cannot run it. */
export type Retirement = 'retired' | 'open' | 'newer';

/** Deletes the open record of a job whose receipt exists. An unreadable record stays: the drain deletes it. */
export async function retire({ control, output, log }: LedgerContext, jobId: string): Promise<Retirement> {
  try {
    const open = await control.get(openKey(jobId), openRecordSchema);
    if (!open) return 'retired';
    if (!(await output.exists(receiptKey(open.record.input.key, jobId)))) return 'open';
    await control.delete(openKey(jobId));
    log.info('job retired', { jobId });
    return 'retired';
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    log.error('open record unreadable', { jobId, error: error.message });
    return error instanceof NewerVersionError ? 'newer' : 'open';
  }
}

/** The jobs with a live claim: a model may be running for each. */
export async function liveClaims(context: LedgerContext): Promise<string[]> {
  const live: string[] = [];
  for await (const jobId of eachLiveClaim(context)) live.push(jobId);
  return live;
}

/** Whether any claim is live. */
export async function anyLiveClaim(context: LedgerContext): Promise<boolean> {
  for await (const _jobId of eachLiveClaim(context)) return true;
  return false;
}

/**
 * B7: the age of a claim is by S3's clock. A machine's clock may be wrong by more than a lease. Each renewal writes the claim
 * anew. A young claim that cannot be read, or that is of a newer release, is live.
 */
async function* eachLiveClaim(context: LedgerContext): AsyncGenerator<string> {
  const { control, clock } = context;
  for await (const { key, lastModified } of control.list(CLAIM_PREFIX)) {
    const jobId = jobIdInLedgerKey(CLAIM_PREFIX, key);
    if (jobId === undefined) continue;
    const ageMs = lastModified ? clock.now() - lastModified.getTime() : 0;
    if (ageMs < LEASE_SECONDS * 1000 && !(await isReleased(context, jobId))) yield jobId;
  }
}

/** Whether the drain has given the claim back, or deleted it. */
async function isReleased({ control, log }: LedgerContext, jobId: string): Promise<boolean> {
  try {
    const claim = await control.get(claimKey(jobId), claimSchema);
    return !claim || claim.record.released !== undefined;
  } catch (error) {
    log.error('a claim counts as live: it cannot be read', { jobId, error: messageOf(error) });
    return false;
  }
}

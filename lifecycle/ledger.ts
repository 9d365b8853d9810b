import type { LedgerContext } from './context';
import { InvalidInputError } from './errors';
import { CLAIM_PREFIX, OPEN_PREFIX, jobIdInLedgerKey, openKey, receiptKey } from './job';
import { claimSchema, openRecordSchema, type Claim } from './records';
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

/** Whether any job is open. Nothing else decides whether there is work. */
export async function anyOpen(control: Store): Promise<boolean> {
  for await (const { key } of control.list(OPEN_PREFIX)) {
    if (jobIdInLedgerKey(OPEN_PREFIX, key) !== undefined) return true;
  }
  return false;
}

/**
 * Deletes the open record of a job whose receipt exists. An unreadable record stays: the drain deletes it.
 * Returns true if the job is not open any more.
 */
export async function retire({ control, output, log }: LedgerContext, jobId: string): Promise<boolean> {
  try {
    const open = await control.get(openKey(jobId), openRecordSchema);
    if (!open) return true;
    if (!(await output.exists(receiptKey(open.record.input.key, jobId)))) return false;
    await control.delete(openKey(jobId));
    log.info('job retired', { jobId });
    return true;
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    log.error('open record unreadable', { jobId, error: error.message });
    return false;
  }
}

/** The claims whose lease has not expired. A model may be running under each. An unreadable claim is ignored. */
export async function liveClaims({ control, clock, log }: LedgerContext): Promise<Claim[]> {
  const live: Claim[] = [];
  for await (const { key } of control.list(CLAIM_PREFIX)) {
    if (jobIdInLedgerKey(CLAIM_PREFIX, key) === undefined) continue;
    try {
      const claim = await control.get(key, claimSchema);
      if (claim && claim.record.released === undefined && Date.parse(claim.record.leaseUntil) > clock.now()) {
        live.push(claim.record);
      }
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      log.error('claim unreadable', { key, error: error.message });
    }
  }
  return live;
}

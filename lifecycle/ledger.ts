import type { LedgerContext } from './context';
import { InvalidInputError } from './errors';
import { CLAIM_PREFIX, OPEN_PREFIX, jobIdInLedgerKey, openKey, receiptKey } from './job';
import { claimSchema, openRecordSchema, type Claim } from './records';
import type { Store } from './store';

/** The jobs that are open, by id. Objects of other names below `open/` are nobody's job. */
export async function listOpenJobs(control: Store): Promise<string[]> {
  const jobIds: string[] = [];
  for await (const { key } of control.list(OPEN_PREFIX)) {
    const jobId = jobIdInLedgerKey(OPEN_PREFIX, key);
    if (jobId !== undefined) jobIds.push(jobId);
  }
  return jobIds;
}

/** Whether any job is open: the only truth about work. */
export async function anyOpen(control: Store): Promise<boolean> {
  for await (const { key } of control.list(OPEN_PREFIX)) {
    if (jobIdInLedgerKey(OPEN_PREFIX, key) !== undefined) return true;
  }
  return false;
}

/**
 * Deletes the open record of a job whose receipt exists. A record that cannot be read is left to the drain, which throws
 * it out.
 */
export async function retire({ control, output, log }: LedgerContext, jobId: string): Promise<void> {
  try {
    const open = await control.get(openKey(jobId), openRecordSchema);
    if (!open || !(await output.exists(receiptKey(open.record.input.key, jobId)))) return;
    await control.delete(openKey(jobId));
    log.info('job retired', { jobId });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    log.error('open record unreadable', { jobId, error: error.message });
  }
}

/** The claims whose lease has not run out: a model may be running under each. An unreadable claim is nobody's. */
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

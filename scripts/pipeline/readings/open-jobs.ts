import { OPEN_PREFIX, jobIdInLedgerKey } from '../../../lifecycle/job';
import type { ListedJob } from '../../../lifecycle/ledger';
import type { Records } from './listed-records';

interface OpenJobsBounds {
  /** Maximum number of jobs that are listed, 1,000 a request. @default all */
  readonly most?: number;
  /** First digits of the jobs' ids. @default all jobs */
  readonly idPrefix?: string;
}

/**
 * Lists open jobs in the order of their ids; `isWhole` is false if more are open. Objects of other names below `open/` are
 * ignored.
 */
export async function listOpen(control: Records, { most = Infinity, idPrefix = '' }: OpenJobsBounds = {}) {
  const jobs: ListedJob[] = [];
  for await (const { key, lastModified } of control.list(`${OPEN_PREFIX}${idPrefix}`)) {
    const jobId = jobIdInLedgerKey(OPEN_PREFIX, key);
    if (jobId === undefined) continue;
    if (jobs.length === most) return { jobs, isWhole: false };
    jobs.push({ jobId, openSince: lastModified });
  }
  return { jobs, isWhole: true };
}

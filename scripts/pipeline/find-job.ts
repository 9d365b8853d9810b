import { shortId } from '../../lifecycle/job';
import { type Receipt, receiptSchema } from '../../lifecycle/records';
import { UsageError } from '../console/exit';
import type { PipelineHandle } from './connect';
import { listOpen } from './readings/open-jobs';
import { listReceipts } from './readings/receipts';

/** The first digits of a job's id. `lamplighter status` prints 12; any number is accepted if no other job begins with them. */
export const JOB_PREFIX = /^[0-9a-f]{1,64}$/;

/** Maximum number of jobs that a message names. */
const JOBS_NAMED = 10;

/**
 * Finds the job whose id begins with `prefix`; without `receiptKey`, the job is still open. It lists all names below `results/`, 1,000 a request. Throws UsageError when
 * there is no such job, or more than one.
 */
export async function findJob(handle: PipelineHandle, prefix: string) {
  if (!JOB_PREFIX.test(prefix)) {
    throw new UsageError(
      `"${prefix}" is not a job id: an id has up to 64 hexadecimal digits. npx lamplighter status shows the latest jobs.`,
    );
  }
  const { receipts } = await listReceipts(handle.output, { where: ({ jobId }) => jobId.startsWith(prefix) });
  const ended = new Map(receipts.map(({ jobId, key }) => [jobId, key]));
  const { jobs } = await listOpen(handle.control, { idPrefix: prefix });
  // A job with a receipt has ended, even if its open record still exists.
  const open = jobs.map(({ jobId }) => jobId).filter((jobId) => !ended.has(jobId));

  const found = [...ended.keys(), ...open];
  if (found.length > 1) {
    const named = found.slice(0, JOBS_NAMED).map((jobId) => jobId.slice(0, Math.max(12, prefix.length + 4)));
    const more = found.length > JOBS_NAMED ? `, and ${found.length - JOBS_NAMED} more` : '';
    throw new UsageError(`Several jobs begin with "${prefix}": ${named.join(', ')}${more}. Add more digits.`);
  }
  const [jobId] = found;
  if (jobId === undefined) {
    throw new UsageError(
      `No job of the pipeline ${handle.manifest.pipeline} begins with "${prefix}". npx lamplighter status shows the latest jobs.`,
    );
  }
  return { jobId, receiptKey: ended.get(jobId) };
}

/** Finds the receipt of the job whose id begins with `prefix`. Throws UsageError as `findJob` does, and when the job is still open. */
export async function findReceipt(handle: PipelineHandle, prefix: string): Promise<Receipt> {
  const { jobId, receiptKey } = await findJob(handle, prefix);
  const receipt = receiptKey === undefined ? undefined : await handle.output.get(receiptKey, receiptSchema);
  if (!receipt) {
    throw new UsageError(
      `The job ${shortId(jobId)} is still open: it has not failed yet. npx lamplighter doctor shows why it waits.`,
    );
  }
  return receipt.record;
}

import { type Receipt, receiptSchema } from '../../lifecycle/records';
import { UsageError } from '../console/exit';
import type { PipelineHandle } from './connect';
import { listOpen } from './readings/open-jobs';
import { listReceipts } from './readings/receipts';

/** What `lamplighter status` shows of a job's id; any number of its first digits will do if no other job has them. */
export const JOB = /^[0-9a-f]{1,64}$/;

/** How many jobs a message names. */
const JOBS_NAMED = 10;

/** One job, by its whole id. */
interface FoundJob {
  readonly jobId: string;
  /** Where its receipt is; undefined: it is still open. */
  readonly receiptKey: string | undefined;
}

/**
 * The job whose id begins so. It reads the names of everything below `results/`: a page of 1,000 a request. Throws UsageError
 * when there is no such job, or more than one.
 */
export async function findJob(handle: PipelineHandle, prefix: string): Promise<FoundJob> {
  if (!JOB.test(prefix)) {
    throw new UsageError(
      `"${prefix}" is no job: a job's id is hexadecimal, of 64 digits at most; npx lamplighter status shows the latest`,
    );
  }
  const { receipts } = await listReceipts(handle.output, { where: ({ jobId }) => jobId.startsWith(prefix) });
  const ended = new Map(receipts.map(({ jobId, key }) => [jobId, key]));
  const { jobs } = await listOpen(handle.control, { idPrefix: prefix });
  // A job with a receipt has ended, whether or not its open record is gone yet.
  const open = jobs.map(({ jobId }) => jobId).filter((jobId) => !ended.has(jobId));

  const found = [...ended.keys(), ...open];
  if (found.length > 1) {
    const named = found.slice(0, JOBS_NAMED).map((jobId) => jobId.slice(0, Math.max(12, prefix.length + 4)));
    const more = found.length > JOBS_NAMED ? `, and ${found.length - JOBS_NAMED} more` : '';
    throw new UsageError(`Several jobs begin with "${prefix}": ${named.join(', ')}${more}. Say more digits.`);
  }
  const [jobId] = found;
  if (jobId === undefined) {
    throw new UsageError(
      `No job begins with "${prefix}" in the pipeline ${handle.manifest.pipeline}; npx lamplighter status shows the latest`,
    );
  }
  return { jobId, receiptKey: ended.get(jobId) };
}

/** The receipt of the job whose id begins so. Throws UsageError as `findJob` does, and when the job has not ended. */
export async function findReceipt(handle: PipelineHandle, prefix: string): Promise<Receipt> {
  const { jobId, receiptKey } = await findJob(handle, prefix);
  const receipt = receiptKey === undefined ? undefined : await handle.output.get(receiptKey, receiptSchema);
  if (!receipt) {
    throw new UsageError(
      `The job ${jobId.slice(0, 12)} is still open: it has not failed yet. npx lamplighter doctor says what it waits for.`,
    );
  }
  return receipt.record;
}

import { resultsPrefix, shortId } from '../../lifecycle/job';
import { UsageError } from '../console/exit';
import { JOB_PREFIX, findReceipt } from './find-job';
import type { PipelineHandle } from './connect';
import { listOpen } from './readings/open-jobs';
import { readReceiptsSince } from './readings/receipts';
import { readOpenRecord, recordIn } from './readings/records';

/** Maximum number of receipts of one key that are read. */
const RECEIPTS_READ = 200;

/**
 * Finds the receipt of the latest upload of a key, and `others`: those of its other versions, the latest first. If there is none, finds the receipt of the job whose id begins with
 * `keyOrJob`. Throws UsageError when there is neither, or when the job is still open.
 */
export async function resolveReceipt(handle: PipelineHandle, keyOrJob: string) {
  // Long keys are cut in the names of results, so the receipts' own keys are compared below.
  const prefix = resultsPrefix(keyOrJob, '').replace(/\/$/, '');
  const { receipts } = await readReceiptsSince(handle.output, 0, { limit: RECEIPTS_READ, prefix });
  const [receipt, ...others] = receipts.filter(({ input }) => input.key === keyOrJob);
  if (receipt) return { receipt, others };
  const open = await findOpenJob(handle, keyOrJob);
  if (open !== undefined) {
    throw new UsageError(
      `"${keyOrJob}" has no results yet: its job ${shortId(open)} is still open. npx lamplighter doctor shows why it waits.`,
    );
  }
  if (JOB_PREFIX.test(keyOrJob)) return { receipt: await findReceipt(handle, keyOrJob), others: [] };
  throw new UsageError(
    `There are no results of "${keyOrJob}" in the pipeline ${handle.manifest.pipeline}. Type a key in full, as ` +
      'npx lamplighter list shows it, or the first digits of a job’s id.',
  );
}

async function findOpenJob({ control }: PipelineHandle, key: string): Promise<string | undefined> {
  for (const { jobId } of (await listOpen(control)).jobs) {
    const open = recordIn(await readOpenRecord(control, jobId));
    if (open?.input.key === key) return jobId;
  }
  return undefined;
}

import { resultsPrefix } from '../../lifecycle/job';
import type { Receipt } from '../../lifecycle/records';
import { UsageError } from '../console/exit';
import { JOB, findReceipt } from './find-job';
import type { PipelineHandle } from './connect';
import { listOpen } from './readings/open-jobs';
import { readReceiptsSince } from './readings/receipts';
import { readOpenRecord, recordIn } from './readings/records';

/** Versions of one key that are looked at. */
const RECEIPTS_READ = 200;

/** What a key, or the first digits of a job's id, means. */
interface ResolvedReceipt {
  readonly receipt: Receipt;
  /** Other versions of the same key that have ended, the latest first. */
  readonly others: readonly Receipt[];
}

/**
 * The receipt of the latest upload of that key, or of the job whose id begins so: a key counts first. Throws UsageError when
 * there is neither, or when the job is still open.
 */
export async function resolveReceipt(handle: PipelineHandle, keyOrJob: string): Promise<ResolvedReceipt> {
  // The label of a key that is too long is cut: the receipt has it in full.
  const prefix = resultsPrefix(keyOrJob, '').replace(/\/$/, '');
  const { receipts } = await readReceiptsSince(handle.output, 0, { limit: RECEIPTS_READ, prefix });
  const [receipt, ...others] = receipts.filter(({ input }) => input.key === keyOrJob);
  if (receipt) return { receipt, others };
  const open = await openJobOf(handle, keyOrJob);
  if (open !== undefined) {
    throw new UsageError(
      `"${keyOrJob}" has no results yet: its job ${open.slice(0, 12)} is still open. npx lamplighter doctor says what it waits for.`,
    );
  }
  if (JOB.test(keyOrJob)) return { receipt: await findReceipt(handle, keyOrJob), others: [] };
  throw new UsageError(
    `There are no results of "${keyOrJob}" in the pipeline ${handle.manifest.pipeline}: a key is written in full, as ` +
      'npx lamplighter list shows it; a job by the first digits of its id.',
  );
}

async function openJobOf({ control }: PipelineHandle, key: string): Promise<string | undefined> {
  for (const { jobId } of (await listOpen(control)).jobs) {
    const open = recordIn(await readOpenRecord(control, jobId));
    if (open?.input.key === key) return jobId;
  }
  return undefined;
}

import type { Clock } from '../../lifecycle/clock';
import type { PipelineHandle } from '../pipeline/connect';
import { failureReason } from '../pipeline/failure-reason';
import { hasSucceededSince, readReceiptsSince } from '../pipeline/readings/receipts';
import type { Facts } from './facts';

/** Maximum numbers of names that are listed, and of receipts that are read. */
const RESULTS_LISTED = 5_000;
const RECEIPTS_READ = 50;

/**
 * Reads the jobs that failed in the last `hours`, except those whose key has succeeded since, and those whose model ran without
 * walls. The sandbox of a local cloud never has walls.
 */
export async function readFailedJobs(
  { output, target }: PipelineHandle,
  clock: Clock,
  hours: number,
): Promise<NonNullable<Facts['failed']>> {
  const bounds = { limit: RECEIPTS_READ, names: RESULTS_LISTED };
  const { receipts, isWhole } = await readReceiptsSince(output, clock.now() - hours * 3_600_000, bounds);
  const jobs = receipts
    .filter((receipt) => receipt.outcome === 'failed' && !hasSucceededSince(receipt, receipts))
    .map((receipt) => ({
      jobId: receipt.jobId,
      key: receipt.input.key,
      endedAt: receipt.endedAt,
      why: failureReason(receipt) ?? 'no reason is given',
    }));
  const withoutWalls = receipts
    .filter(({ isolation }) => isolation?.kind === 'none' && target.cloud === 'aws')
    .map(({ jobId }) => jobId);
  return { jobs, withoutWalls, isListWhole: isWhole };
}

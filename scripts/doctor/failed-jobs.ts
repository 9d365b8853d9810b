import type { Clock } from '../../lifecycle/clock';
import type { Receipt } from '../../lifecycle/records';
import { endedSince } from '../pipeline/receipts';
import { reasonOf } from '../pipeline/failure-reason';
import type { PipelineHandle } from '../pipeline/connect';
import type { Facts } from './facts';

/** What one look may list, and read, at most. */
const RESULTS_LISTED = 5_000;
const RECEIPTS_READ = 50;

/** Jobs that failed of late, unless the same key has succeeded since. */
export async function lookAtFailedJobs(
  { output }: PipelineHandle,
  clock: Clock,
  hours: number,
): Promise<NonNullable<Facts['failed']>> {
  const since = clock.now() - hours * 3_600_000;
  const { receipts, isListed } = await endedSince({ output }, since, {
    limit: RECEIPTS_READ,
    names: RESULTS_LISTED,
  });
  const jobs = receipts
    .filter((receipt) => receipt.outcome === 'failed' && !isMended(receipt, receipts))
    .map((receipt) => ({
      jobId: receipt.jobId,
      key: receipt.input.key,
      endedAt: receipt.endedAt,
      why: reasonOf(receipt) ?? 'no reason is given',
    }));
  return { jobs, isListWhole: isListed };
}

function isMended(failed: Receipt, receipts: readonly Receipt[]): boolean {
  return receipts.some(
    ({ outcome, input, endedAt }) =>
      outcome === 'succeeded' && input.key === failed.input.key && endedAt > failed.endedAt,
  );
}

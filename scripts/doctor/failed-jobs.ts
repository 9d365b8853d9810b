import pLimit from 'p-limit';
import type { Clock } from '../../lifecycle/clock';
import { InvalidInputError } from '../../lifecycle/errors';
import { RESULTS_PREFIX, jobIdInReceiptKey } from '../../lifecycle/job';
import { type Receipt, receiptSchema } from '../../lifecycle/records';
import type { Scene } from '../operations/scene';
import type { Facts } from './facts';

/** What one look may list, and read, at most. */
const RESULTS_LISTED = 5_000;
const RECEIPTS_READ = 50;
const REQUESTS_AT_ONCE = 8;

/** Jobs that failed of late, unless the same key has succeeded since. */
export async function lookAtFailedJobs(
  { output }: Scene,
  clock: Clock,
  hours: number,
): Promise<NonNullable<Facts['failed']>> {
  const since = clock.now() - hours * 3_600_000;
  const found: { key: string; at: number }[] = [];
  let listed = 0;
  let isListWhole = true;
  for await (const { key, lastModified } of output.list(RESULTS_PREFIX)) {
    listed += 1;
    isListWhole = listed <= RESULTS_LISTED;
    if (!isListWhole) break;
    const at = lastModified?.getTime() ?? 0;
    if (at >= since && jobIdInReceiptKey(key) !== undefined) found.push({ key, at });
  }
  const limit = pLimit(REQUESTS_AT_ONCE);
  const latest = found.sort((a, b) => b.at - a.at).slice(0, RECEIPTS_READ);
  const receipts = (await Promise.all(latest.map(({ key }) => limit(() => receiptAt(output, key))))).flat();
  const jobs = receipts
    .filter((receipt) => receipt.outcome === 'failed' && !isMended(receipt, receipts))
    .map(({ jobId, input, endedAt, error }) => ({
      jobId,
      key: input.key,
      endedAt,
      why: error ? `${error.kind}: ${error.message}` : 'no reason is given',
    }));
  return { jobs, isListWhole };
}

function isMended(failed: Receipt, receipts: readonly Receipt[]): boolean {
  return receipts.some(
    ({ outcome, input, endedAt }) =>
      outcome === 'succeeded' && input.key === failed.input.key && endedAt > failed.endedAt,
  );
}

/** Nothing for one that cannot be read: a model may have written a file of that name. */
async function receiptAt(output: Scene['output'], key: string): Promise<Receipt[]> {
  try {
    const stored = await output.get(key, receiptSchema);
    return stored ? [stored.record] : [];
  } catch (error) {
    if (error instanceof InvalidInputError) return [];
    throw error;
  }
}

import type { LedgerContext } from './context';
import { messageOf } from './errors';
import type { Metrics } from './metrics';
import { receiptSchema, type Receipt } from './records';

/** Counts the jobs that ended with these receipts. Nothing is decided by it, so a failure is only logged. */
export async function measureReceipts(
  { output, log }: LedgerContext,
  metrics: Metrics,
  receiptKeys: readonly string[],
): Promise<void> {
  for (const key of receiptKeys) {
    try {
      const receipt = await output.get(key, receiptSchema);
      if (!receipt) continue;
      const { jobId, outcome, error } = receipt.record;
      log.info('job ended', { jobId, outcome, ...(error && { error }) });
      measure(receipt.record, metrics);
    } catch (error) {
      log.warn('a receipt is not counted', { key, error: messageOf(error) });
    }
  }
}

function measure(
  { outcome, uploadedAt, admittedAt, claimedAt, startedAt, endedAt }: Receipt,
  metrics: Metrics,
): void {
  metrics(outcome === 'succeeded' ? 'JobsSucceeded' : 'JobsFailed', 1);
  // A job that a machine's death or a missing upload ended was never claimed, or never ran.
  if (claimedAt !== undefined) metrics('WaitSeconds', secondsBetween(uploadedAt ?? admittedAt, claimedAt));
  if (startedAt !== undefined) metrics('RunSeconds', secondsBetween(startedAt, endedAt));
}

/** Two machines' clocks may differ by a little. */
function secondsBetween(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from)) / 1000;
}

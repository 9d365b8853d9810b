import type { LedgerContext } from './context';
import { messageOf } from './errors';
import type { Metrics } from './metrics';
import { receiptSchema, type Receipt } from './records';

/** Writes the metrics of the jobs that ended with these receipts. No rule reads them, so a failure is only logged. */
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
  // No claimedAt: the attempts were used up, for example by a machine's death. No startedAt: no model started in this
  // attempt, for example because the upload is gone.
  if (claimedAt !== undefined) metrics('WaitSeconds', elapsedSeconds(uploadedAt ?? admittedAt, claimedAt));
  if (startedAt !== undefined) metrics('RunSeconds', elapsedSeconds(startedAt, endedAt));
}

/** At least 0: two machines' clocks may differ a little. */
function elapsedSeconds(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from)) / 1000;
}

import { timestamp } from '../lifecycle/clock';
import { receiptKey } from '../lifecycle/job';
import type { Log } from '../lifecycle/log';
import type { OpenRecord, Receipt } from '../lifecycle/records';
import type { DrainContext } from './context';

/** The fields of a receipt that come from the attempt. */
export type ReceiptFacts = Pick<Receipt, 'outcome'> &
  Partial<Pick<Receipt, 'claimedAt' | 'startedAt' | 'exit' | 'outputs' | 'error' | 'stderrTail'>>;

/** Ends the job by creating its receipt. If another attempt's receipt exists, this attempt's files do not count. */
export async function publishReceipt(
  { output, config, clock, host, drainId, meter }: DrainContext,
  { jobId, input, model, uploadedAt, admittedAt }: OpenRecord,
  attempt: number,
  facts: ReceiptFacts,
  log: Log,
): Promise<void> {
  const bill = await meter.bill(jobId);
  const receipt: Omit<Receipt, 'nonce'> = {
    version: 1,
    jobId,
    pipeline: config.pipeline,
    input,
    model,
    attempt,
    uploadedAt,
    admittedAt,
    endedAt: timestamp(clock),
    outputs: [],
    ...facts,
    instance: { bootId: host.bootId, drainId },
    ...(bill && { bill }),
  };
  // D12
  if (await output.create(receiptKey(input.key, jobId), receipt)) {
    log.info('receipt written', { outcome: facts.outcome, ...(facts.error && { error: facts.error }) });
  } else {
    if (bill) meter.takeBack(bill);
    log.warn('another attempt had written the receipt; this one counts for nothing');
  }
}

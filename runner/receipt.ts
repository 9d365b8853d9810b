import { timestamp } from '../lifecycle/clock';
import { receiptKey } from '../lifecycle/job';
import type { Log } from '../lifecycle/log';
import { receiptSchema, type EndedAttempts, type OpenRecord, type Receipt } from '../lifecycle/records';
import type { DrainContext } from './context';
import { persist } from './persist';

/** The fields of a receipt that come from the attempt. */
export type ReceiptFacts = Pick<Receipt, 'outcome'> &
  Partial<
    Pick<Receipt, 'claimedAt' | 'startedAt' | 'exit' | 'outputs' | 'error' | 'stderrTail' | 'isolation'>
  >;

/** The attempt that counts, and those before it. */
export interface CountedAttempt {
  readonly attempt: number;
  readonly ended: readonly EndedAttempts[];
  readonly log: Log;
  /** Aborted when the drain may not go on with the job. */
  readonly signal: AbortSignal;
}

/**
 * Ends the job by creating its receipt, however long S3 does not take it (D24). If another attempt's receipt exists, this
 * attempt's files do not count. Throws S3's error if the signal is aborted.
 */
export async function publishReceipt(
  context: DrainContext,
  { jobId, input, model, uploadedAt, admittedAt }: OpenRecord,
  facts: ReceiptFacts,
  { attempt, ended, log, signal }: CountedAttempt,
): Promise<void> {
  const { output, config, clock, host, drainId, meter } = context;
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
    ...(ended.length > 0 && { endedAttempts: [...ended] }),
  };
  const isOurs = await persist(context, { what: 'receipt', log, signal }, async () => {
    // D12
    if (await output.create(receiptKey(input.key, jobId), receipt)) return true;
    // An earlier try may have written it, although it got an error.
    const present = await output.read(receiptKey(input.key, jobId), receiptSchema);
    return present.record?.instance.drainId === drainId && present.record.attempt === attempt;
  });
  if (isOurs) {
    log.info('receipt written', { outcome: facts.outcome, ...(facts.error && { error: facts.error }) });
  } else {
    if (bill) meter.takeBack(bill);
    log.warn('another attempt had written the receipt; this one counts for nothing');
  }
}

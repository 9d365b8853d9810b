import { RESULTS_PREFIX, jobIdInReceiptKey } from '../../../lifecycle/job';
import { type Receipt, receiptSchema } from '../../../lifecycle/records';
import type { Records } from './listed-records';
import { readableRecord } from './records';
import { requestEach } from './requests';

/** A receipt by its name alone. */
interface ListedReceipt {
  readonly jobId: string;
  readonly key: string;
  readonly etag: string;
  /** Milliseconds since the epoch; 0: S3 did not say. */
  readonly atMs: number;
}

interface ListBounds {
  /** Maximum number of names that are listed, 1,000 a request. @default all */
  readonly names?: number;
  /** @default results/ */
  readonly prefix?: string;
  /** Which receipts are kept. @default all */
  readonly where?: (receipt: ListedReceipt) => boolean;
}

/**
 * Lists receipts without reading them, in the order of their keys. `isWhole` is false if the results have more names than
 * `names`.
 */
export async function listReceipts(
  output: Records,
  { names = Infinity, prefix = RESULTS_PREFIX, where = () => true }: ListBounds = {},
) {
  const receipts: ListedReceipt[] = [];
  let listed = 0;
  for await (const { key, etag, lastModified } of output.list(prefix)) {
    listed += 1;
    if (listed > names) return { receipts, isWhole: false };
    const jobId = jobIdInReceiptKey(key);
    if (jobId === undefined) continue;
    const receipt = { jobId, key, etag, atMs: lastModified?.getTime() ?? 0 };
    if (where(receipt)) receipts.push(receipt);
  }
  return { receipts, isWhole: true };
}

/** The `count` latest receipts, the latest first. */
export function latestOf<T extends { readonly atMs: number }>(receipts: readonly T[], count: number): T[] {
  return [...receipts].sort((a, b) => b.atMs - a.atMs).slice(0, count);
}

interface ReadBounds extends Omit<ListBounds, 'where'> {
  /** Maximum number of receipts that are read. */
  readonly limit: number;
}

/**
 * Reads the receipts of the jobs that have ended since, the latest first. An object that is no receipt (a model's own
 * receipt.json) is left out. `isWhole` is false if more jobs have ended in that time, `isListed` if not all names below the
 * prefix were listed.
 */
export async function readReceiptsSince(output: Records, sinceMs: number, { limit, ...bounds }: ReadBounds) {
  const listed = await listReceipts(output, { ...bounds, where: ({ atMs }) => atMs >= sinceMs });
  const latest = latestOf(listed.receipts, limit);
  const read = await requestEach(latest, ({ key }) => readableRecord(output, key, receiptSchema));
  const receipts = read.flatMap((receipt) => receipt ?? []);
  return {
    receipts: receipts.sort((a, b) => Date.parse(b.endedAt) - Date.parse(a.endedAt)),
    isWhole: listed.isWhole && latest.length === listed.receipts.length,
    isListed: listed.isWhole,
  };
}

/** Whether a later upload of the same key has succeeded since that job failed. */
export function hasSucceededSince(failed: Receipt, receipts: readonly Receipt[]): boolean {
  return receipts.some(
    ({ outcome, input, endedAt }) =>
      outcome === 'succeeded' && input.key === failed.input.key && endedAt > failed.endedAt,
  );
}

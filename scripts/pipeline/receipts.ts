import pLimit from 'p-limit';
import { InvalidInputError } from '../../lifecycle/errors';
import { RESULTS_PREFIX, jobIdInReceiptKey } from '../../lifecycle/job';
import { type Receipt, receiptSchema } from '../../lifecycle/records';
import type { PipelineHandle } from './connect';

const REQUESTS_AT_ONCE = 8;

export interface Ended {
  /** The latest first. */
  readonly receipts: readonly Receipt[];
  /** False: there are more of that time, which were not read. */
  readonly isWhole: boolean;
  /** False: not all names below the prefix were listed. */
  readonly isListed: boolean;
}

export interface Bounds {
  /** So many receipts are read at most. */
  readonly limit: number;
  /** So many names are listed at most, 1,000 a request. @default all */
  readonly names?: number;
  /** @default results/ */
  readonly prefix?: string;
}

/** The jobs that have ended since, the latest first. What is no receipt (a model's own receipt.json) is left out. */
export async function endedSince(
  { output }: Pick<PipelineHandle, 'output'>,
  since: number,
  { limit, names = Infinity, prefix = RESULTS_PREFIX }: Bounds,
): Promise<Ended> {
  const found: { key: string; at: number }[] = [];
  let listed = 0;
  for await (const { key, lastModified } of output.list(prefix)) {
    listed += 1;
    if (listed > names) break;
    const at = lastModified?.getTime() ?? 0;
    if (at >= since && jobIdInReceiptKey(key) !== undefined) found.push({ key, at });
  }
  const latest = found.sort((a, b) => b.at - a.at).slice(0, limit);
  const atOnce = pLimit(REQUESTS_AT_ONCE);
  const receipts = await Promise.all(latest.map(({ key }) => atOnce(() => receiptAt(output, key))));
  return {
    receipts: receipts.flat().sort((a, b) => Date.parse(b.endedAt) - Date.parse(a.endedAt)),
    isWhole: latest.length === found.length && listed <= names,
    isListed: listed <= names,
  };
}

async function receiptAt(output: PipelineHandle['output'], key: string): Promise<Receipt[]> {
  try {
    const stored = await output.get(key, receiptSchema);
    return stored ? [stored.record] : [];
  } catch (error) {
    if (error instanceof InvalidInputError) return [];
    throw error;
  }
}

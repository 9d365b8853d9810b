import { messageOf } from '../../lifecycle/errors';
import { shortId } from '../../lifecycle/job';
import { printable } from '../console/terminal';
import { UsageError } from '../console/exit';
import { retryReceipt } from './retry';
import type { CommandResult, PipelineHandle } from './connect';
import { hasSucceededSince, readReceiptsSince } from './readings/receipts';

/** Maximum number of receipts that are read. */
const RECEIPTS_READ = 1_000;

/** Retries every job that has failed and whose key has not succeeded since. A job that cannot be retried is reported; the others are retried all the same. */
export async function retryFailed(
  handle: PipelineHandle,
  sinceMs: number,
  anyway: boolean,
  now: number,
): Promise<CommandResult & { readonly failures: number }> {
  const { receipts, isWhole } = await readReceiptsSince(handle.output, now - sinceMs, {
    limit: RECEIPTS_READ,
  });
  const failed = receipts.filter(
    (receipt) => receipt.outcome === 'failed' && !hasSucceededSince(receipt, receipts),
  );
  const lines: string[] = [];
  const jobs: Readonly<Record<string, unknown>>[] = [];
  let failures = 0;
  let changed = false;
  for (const receipt of failed) {
    const short = shortId(receipt.jobId);
    const key = printable(receipt.input.key, 1000);
    try {
      const done = await retryReceipt(handle, receipt, anyway);
      changed ||= done.changed;
      const newJob = shortId(String(done.facts.newJobId));
      lines.push(
        `${short}  ${key}: ${done.changed ? `runs again as ${newJob}` : `already retried, as ${newJob}`}`,
      );
      jobs.push({ ...done.facts, changed: done.changed });
    } catch (error) {
      // A UsageError is no failure: for example, a newer upload of the key replaces the failed one.
      if (!(error instanceof UsageError)) failures += 1;
      lines.push(`${short}  ${key}: not retried: ${messageOf(error)}`);
      jobs.push({ jobId: receipt.jobId, key: receipt.input.key, changed: false, error: messageOf(error) });
    }
  }
  if (failed.length === 0)
    lines.push('Nothing to retry: in that time no job has failed, or every failed key has succeeded since.');
  if (!isWhole) lines.push(`Only the latest ${RECEIPTS_READ} jobs were read: shorten --since.`);
  return { changed, lines, facts: { jobs, isWhole }, failures };
}

import { shortId } from '../../lifecycle/job';
import type { Receipt } from '../../lifecycle/records';
import { type Terminal, ago, printable } from '../console/terminal';
import type { PipelineHandle } from './connect';
import { type EndedFacts, endedFacts, endedFactsOf, endedText } from './ended-attempts';
import { failureReason } from './failure-reason';
import { listOpen } from './readings/open-jobs';
import { readReceiptsSince } from './readings/receipts';
import { isLive, readAttempts, readClaim, readOpenRecord, recordIn } from './readings/records';
import { readShortage, shortageText } from './readings/shortage';
import { requestEach } from './readings/requests';

export interface ListOptions {
  readonly failed: boolean;
  /** How far back ended jobs are listed, in milliseconds. */
  readonly since: number;
  readonly limit: number;
}

interface JobRow extends EndedFacts {
  readonly jobId: string;
  readonly state: 'open' | Receipt['outcome'];
  readonly key: string;
  readonly model: string;
  /** The time of the receipt; for an open job, of its admission. */
  readonly at: string;
  /** The attempt that counts; for an open job, the one under way. Null: none is. */
  readonly attempt: number | null;
  /** Why the job failed; null: the job has not failed. */
  readonly error: string | null;
}

/** Lists open jobs, then ended jobs, the latest first. */
export async function listJobs(handle: PipelineHandle, options: ListOptions, now: number) {
  const { limit } = options;
  const { receipts, isWhole } = await readReceiptsSince(handle.output, now - options.since, { limit });
  const ended = receipts.filter(({ outcome }) => !options.failed || outcome === 'failed').map(endedRow);
  if (options.failed) return { jobs: ended, isWhole, shortage: null };
  const done = new Set(ended.map(({ jobId }) => jobId));
  const listed = (await listOpen(handle.control)).jobs.filter(({ jobId }) => !done.has(jobId));
  const shown = listed.slice(0, limit);
  const open = await requestEach(shown, ({ jobId }) => openRow(handle, jobId, now));
  const shortage = shown.length === 0 ? undefined : await readShortage(handle.control);
  return {
    jobs: [...open.flatMap((row) => row ?? []), ...ended],
    isWhole: isWhole && shown.length === listed.length,
    shortage: shortage ?? null,
  };
}

export function endedRow(receipt: Receipt): JobRow {
  return {
    jobId: receipt.jobId,
    state: receipt.outcome,
    key: receipt.input.key,
    model: receipt.model.name,
    at: receipt.endedAt,
    attempt: receipt.attempt,
    error: failureReason(receipt) ?? null,
    ...endedFacts(receipt.endedAttempts),
  };
}

/** Undefined: the job has just ended, or its record cannot be read. */
async function openRow({ control }: PipelineHandle, jobId: string, now: number): Promise<JobRow | undefined> {
  const open = recordIn(await readOpenRecord(control, jobId));
  if (!open) return undefined;
  const { input, model, admittedAt } = open;
  const claim = await readClaim(control, jobId);
  const attempt = isLive(claim, now) ? (recordIn(claim)?.attempt ?? null) : null;
  const ended = endedFactsOf(await readAttempts(control, jobId));
  return {
    ...{ jobId, state: 'open', key: input.key, model: model.name, at: admittedAt },
    ...{ attempt, error: null, ...ended },
  };
}

/** Width of the terminal, in columns, below which a job takes two lines. */
const WIDE_COLUMNS = 78;

export function listLines(
  { jobs, isWhole, shortage }: Awaited<ReturnType<typeof listJobs>>,
  options: ListOptions,
  now: number,
  terminal: Pick<Terminal, 'colours' | 'columns'>,
): string[] {
  const none = options.failed
    ? `No job ${isWhole ? 'has failed in that time' : 'that was read has failed'}.`
    : 'No job has ended in that time, and none is open.';
  const lines = jobs.length === 0 ? [none] : jobs.flatMap((row) => rowLines(row, now, terminal));
  if (shortage) lines.push(`${printable(shortageText(shortage, now), 1000)}. The sweep tries again.`);
  if (!isWhole) lines.push('More jobs exist: raise --limit or shorten --since.');
  return lines;
}

/** One job, cut to the terminal's width. Its ended attempts and the reason of a failed job are on lines of their own, uncut. */
export function rowLines(
  row: JobRow,
  now: number,
  { colours, columns = Infinity }: Pick<Terminal, 'colours' | 'columns'>,
): string[] {
  const { jobId, state, key, model, at, error } = row;
  const paint = { open: colours.bold, succeeded: colours.green, failed: colours.red };
  const shown = paint[state](state.padEnd(9));
  const when = ago(at, now);
  const why = [attemptsText(row), error]
    .flatMap((text) => text ?? [])
    .map((text) => `  ${printable(text, 1000)}`);
  if (columns < WIDE_COLUMNS) {
    return [`${shown} ${shortId(jobId)} ${when}`, `  ${cut(key, columns - 2)}`, ...why];
  }
  const head = `${shortId(jobId)}  ${when.padStart(15)}  `;
  return [`${shown}  ${head}${cut(`${key}  ${model}`, columns - 9 - 2 - head.length)}`, ...why];
}

/** `attempt 3 is under way; 2 interruptions; attempt 2 ended: the machine shut down` */
function attemptsText(row: JobRow): string | undefined {
  const underWay =
    row.state === 'open' && row.attempt !== null ? [`attempt ${row.attempt} is under way`] : [];
  const parts = [...underWay, ...[endedText(row) ?? []].flat()];
  return parts.length === 0 ? undefined : parts.join('; ');
}

const cut = (text: string, width: number) => printable(text, Math.max(8, Math.min(width, 1000)));

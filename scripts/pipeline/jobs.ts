import pLimit from 'p-limit';
import { InvalidInputError } from '../../lifecycle/errors';
import { openKey } from '../../lifecycle/job';
import { listOpenJobs } from '../../lifecycle/ledger';
import { type Receipt, openRecordSchema } from '../../lifecycle/records';
import { type Terminal, ago, printable } from '../console/terminal';
import type { PipelineHandle } from './connect';
import { endedSince } from './receipts';
import { reasonOf } from './failure-reason';

export interface ListOptions {
  readonly failed: boolean;
  /** Milliseconds back. */
  readonly since: number;
  readonly limit: number;
}

/** One job of the list. */
export interface Row {
  readonly jobId: string;
  readonly state: 'open' | Receipt['outcome'];
  readonly key: string;
  readonly model: string;
  /** When it was admitted, or ended. */
  readonly at: string;
  readonly attempt: number | null;
  /** Why it failed. */
  readonly error: string | null;
}

export interface Listed {
  readonly jobs: readonly Row[];
  readonly isWhole: boolean;
}

const REQUESTS_AT_ONCE = 8;

/** Open jobs, then those that have ended since, the latest first. */
export async function listJobs(handle: PipelineHandle, options: ListOptions, now: number): Promise<Listed> {
  const { receipts, isWhole } = await endedSince(handle, now - options.since, { limit: options.limit });
  const ended = receipts.filter(({ outcome }) => !options.failed || outcome === 'failed').map(endedRow);
  if (options.failed) return { jobs: ended, isWhole };
  const done = new Set(ended.map(({ jobId }) => jobId));
  const listed = (await listOpenJobs(handle.control)).filter(({ jobId }) => !done.has(jobId));
  const atOnce = pLimit(REQUESTS_AT_ONCE);
  const shown = listed.slice(0, options.limit);
  const open = await Promise.all(shown.map(({ jobId }) => atOnce(() => openRow(handle, jobId))));
  return { jobs: [...open.flat(), ...ended], isWhole: isWhole && shown.length === listed.length };
}

export function endedRow(receipt: Receipt): Row {
  return {
    jobId: receipt.jobId,
    state: receipt.outcome,
    key: receipt.input.key,
    model: receipt.model.name,
    at: receipt.endedAt,
    attempt: receipt.attempt,
    error: reasonOf(receipt) ?? null,
  };
}

/** Nothing for one that has just ended, or that cannot be read. */
async function openRow({ control }: PipelineHandle, jobId: string): Promise<Row[]> {
  try {
    const stored = await control.get(openKey(jobId), openRecordSchema);
    if (!stored) return [];
    const { input, model, admittedAt } = stored.record;
    const row = { jobId, state: 'open' as const, key: input.key, model: model.name, at: admittedAt };
    return [{ ...row, attempt: null, error: null }];
  } catch (error) {
    if (error instanceof InvalidInputError) return [];
    throw error;
  }
}

/** Below this width a job takes two lines. */
const WIDE_COLUMNS = 78;

/** The list for people, in as many columns as the terminal has. */
export function listLines(
  { jobs, isWhole }: Listed,
  options: ListOptions,
  now: number,
  terminal: Pick<Terminal, 'colours' | 'columns'>,
): string[] {
  if (jobs.length === 0)
    return [options.failed ? 'No job has failed in that time.' : 'No job in that time, and none is open.'];
  const lines = jobs.flatMap((row) => rowLines(row, now, terminal));
  if (!isWhole) lines.push('More jobs exist: raise --limit or shorten --since.');
  return lines;
}

/** One job in as many columns as the terminal has; of a failed one, the reason below it. */
export function rowLines(
  { jobId, state, key, model, at, error }: Row,
  now: number,
  { colours, columns = Infinity }: Pick<Terminal, 'colours' | 'columns'>,
): string[] {
  const paint = { open: colours.bold, succeeded: colours.green, failed: colours.red };
  const shown = paint[state](state.padEnd(9));
  const when = ago(at, now);
  const why = error === null ? [] : [`  ${printable(error, 1000)}`];
  if (columns < WIDE_COLUMNS) {
    return [`${shown} ${jobId.slice(0, 12)} ${when}`, `  ${cut(key, columns - 2)}`, ...why];
  }
  const head = `${jobId.slice(0, 12)}  ${when.padStart(15)}  `;
  return [`${shown}  ${head}${cut(`${key}  ${model}`, columns - 9 - 2 - head.length)}`, ...why];
}

const cut = (text: string, width: number) => printable(text, Math.max(8, Math.min(width, 1000)));

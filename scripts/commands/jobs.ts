import type { Command } from 'commander';
import { resolve } from 'node:path';
import { systemClock } from '../../lifecycle/clock';
import { openKey } from '../../lifecycle/job';
import { openRecordSchema, receiptSchema } from '../../lifecycle/records';
import { print } from '../console/print';
import type { Terminal } from '../console/terminal';
import { Exit, type ExitCode } from '../console/exit';
import { catchInterrupts, pause } from '../console/interrupt';
import { type CommandLine, countUpTo } from './operations';
import { findJob } from '../pipeline/find-job';
import { type OperationOptions, type PipelineHandle, jsonOf, connect } from '../pipeline/connect';
import { downloadResults, resultsFolder, showResults } from '../pipeline/results';
import { shortPath } from '../tools/project';
import { admitLost, audit, auditLines } from '../pipeline/audit';
import { type ListOptions, listJobs, listLines } from '../pipeline/jobs';
import { JobLogs, type LogLine, logGroupsOf, logText } from '../pipeline/job-logs';
import { resolveReceipt } from '../pipeline/resolve-receipt';
import { sinceOption } from './options';

/** The commands of whoever wants to know what became of uploads. */
export function addJobs(root: Command, line: CommandLine): void {
  const { terminal } = line;
  const add = (name: string, description: string) =>
    line.withTarget(root.command(name)).description(description).option('--json', 'print it as JSON', false);

  add('list', 'show jobs: the open ones, then those that have ended, the latest first')
    .option('--failed', 'only those that failed', false)
    .addOption(sinceOption('that ended since'))
    .option('--limit <N>', 'so many at most', countUpTo(10_000), 50)
    .action(async (options: OperationOptions & ListOptions) => {
      const handle = await connect(options, terminal);
      const now = Date.now();
      const listed = await listJobs(handle, options, now);
      if (options.json) terminal.out(jsonOf('list', handle, listed));
      else print(terminal, listLines(listed, options, now, terminal));
    });

  add('results', 'copy the results of an upload or a job, and show their first lines')
    .argument('<KEY|JOB>', 'the upload’s key, or the first digits of a job’s id')
    .option('--out <DIR>', 'where the copies go', 'results')
    .action(async (keyOrJob: string, options: OperationOptions & { out: string }) => {
      line.end(await results(await connect(options, terminal), keyOrJob, options, terminal));
    });

  add('logs', 'show what was logged about a job, by the functions, the drain and the model')
    .argument('<JOB>', 'the first digits of its id, as status shows them')
    .option('--follow', 'go on until the job has ended', false)
    .action(async (job: string, options: OperationOptions & { follow: boolean }) => {
      await logs(await connect(options, terminal), job, options, terminal);
    });

  add('audit', 'check that each upload has exactly one receipt, or is open')
    .option('--admit', 'make jobs of those that have neither', false)
    .action(async (options: OperationOptions & { admit: boolean }) => {
      line.end(await auditOf(await connect(options, terminal), options, terminal));
    });
}

/** Exits as the job did, so that a script can tell. */
export async function results(
  handle: PipelineHandle,
  keyOrJob: string,
  { out, json: asJson }: { readonly out: string; readonly json: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const { receipt, others } = await resolveReceipt(handle, keyOrJob);
  const { outputBucket } = handle.manifest;
  const folder = resolve(out);
  const files = await downloadResults(handle.target.clients.s3, outputBucket, receipt, folder);
  if (asJson) {
    const otherJobs = others.map(({ jobId, outcome, endedAt }) => ({ jobId, outcome, endedAt }));
    terminal.out(jsonOf('results', handle, { receipt, files, otherJobs }));
  } else {
    await showResults(terminal, outputBucket, receipt, files);
    print(terminal, `  receipt: ${shortPath(resultsFolder(folder, receipt))}/receipt.json`);
    if (others.length > 0) {
      const named = others.slice(0, 5).map(({ jobId }) => jobId.slice(0, 12));
      print(terminal, `  earlier uploads of that key: ${named.join(', ')}${others.length > 5 ? ', …' : ''}`);
    }
  }
  return receipt.outcome === 'failed' ? Exit.jobFailed : Exit.ok;
}

/**
 * Shows the lines; with `follow`, those that come until the job's receipt is there, and a little longer. As JSON they are one
 * document, or, where one follows them, one document a line.
 */
export async function logs(
  handle: PipelineHandle,
  prefix: string,
  { follow, json: asJson }: { readonly follow: boolean; readonly json: boolean },
  terminal: Terminal,
): Promise<void> {
  const { manifest, target, control } = handle;
  const { jobId, receiptKey } = await findJob(handle, prefix);
  const since = await admittedAt(handle, jobId, receiptKey);
  const reader = new JobLogs(target.clients.logs, logGroupsOf(manifest), jobId, since);
  if (asJson && !follow) {
    terminal.out(jsonOf('logs', handle, { jobId, lines: (await reader.look()).map(forPrograms) }));
    return;
  }
  const show = (lines: readonly LogLine[]) => {
    for (const one of lines) {
      if (asJson) terminal.out(JSON.stringify(forPrograms(one)));
      else print(terminal, logText(one));
    }
    return lines.length;
  };
  let shown = show(await reader.look());
  if (follow && receiptKey === undefined) {
    const interrupt = catchInterrupts(nothing, nothing);
    try {
      // CloudWatch shows a line seconds after it was written: the last ones come after the receipt.
      for (let looksLeft = Infinity; looksLeft > 0; looksLeft -= 1) {
        await pause(target.pollMs, interrupt.signal);
        shown += show(await reader.look());
        if (looksLeft === Infinity && !(await control.exists(openKey(jobId)))) looksLeft = LAST_LOOKS;
      }
    } finally {
      interrupt.release();
    }
  }
  if (shown === 0)
    terminal.err(`Nothing is logged of the job ${jobId.slice(0, 12)}, or not any more (logRetentionDays).`);
}

/** In times as all other JSON has them; the id is CloudWatch's own. */
const forPrograms = ({ at, group, message }: LogLine) => ({ at: new Date(at).toISOString(), group, message });

const LAST_LOOKS = 4;

/** Uploads that were admitted late have lines from before: a day is enough for every event's delay. */
const BEFORE_MS = 24 * 3_600_000;

async function admittedAt(
  { control, output }: PipelineHandle,
  jobId: string,
  receiptKey: string | undefined,
): Promise<number> {
  const stored =
    receiptKey === undefined
      ? await control.get(openKey(jobId), openRecordSchema)
      : await output.get(receiptKey, receiptSchema);
  return stored ? Date.parse(stored.record.admittedAt) - BEFORE_MS : 0;
}

export async function auditOf(
  handle: PipelineHandle,
  options: { readonly admit: boolean; readonly json: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const found = await audit(handle, systemClock);
  const isToBeAdmitted = options.admit && found.lost.length > 0;
  const done = isToBeAdmitted ? await admitLost(handle, found.lost, systemClock) : undefined;
  if (options.json) terminal.out(jsonOf('audit', handle, { ...found, admitted: done ?? null }));
  else print(terminal, auditLines(found, done, terminal));
  if (found.doubled.length > 0 || (done?.refused.length ?? 0) > 0) return Exit.jobFailed;
  return found.lost.length > 0 && !done ? Exit.jobFailed : Exit.ok;
}

const nothing = () => undefined;

import type { Command } from 'commander';
import { openKey, shortId } from '../../lifecycle/job';
import { openRecordSchema, receiptSchema } from '../../lifecycle/records';
import { EXITS } from '../console/command-help';
import type { CommandContext } from '../console/command-line';
import { Exit } from '../console/exit';
import { catchInterrupts, pause } from '../console/interrupt';
import { print } from '../console/print';
import type { Terminal } from '../console/terminal';
import { type PipelineOptions, type PipelineHandle, connect, jsonOf } from '../pipeline/connect';
import { findJob } from '../pipeline/find-job';
import { JobLogs, type LogLine, logGroupsOf, logText } from '../pipeline/job-logs';
import { pipelineCommand } from './options';

interface LogsOptions {
  readonly follow: boolean;
  readonly json: boolean;
}

export function addLogs(root: Command, { terminal }: CommandContext): void {
  pipelineCommand(root, 'logs', 'show the log lines of a job, from the functions, the drain and the model', {
    examples: [['logs 3f2a9c --follow', 'until the job has ended']],
    exits: {
      ...EXITS.pipeline,
      [Exit.ok]: 'done, even if there are no log lines',
      [Exit.usage]: 'an argument is not valid, or no job or several jobs match',
    },
  })
    .argument('<JOB>', 'first digits of the job id, as shown by status')
    .option('--follow', 'continue until the job has ended', false)
    .action(async (job: string, options: PipelineOptions & LogsOptions) => {
      await logs(await connect(options, terminal), job, options, terminal);
    });
}

/**
 * Prints a job's log lines. With `follow`, also those that arrive until shortly after the job's receipt. With `json` they are
 * one document; with `follow` and `json` each line is a document.
 */
export async function logs(
  handle: PipelineHandle,
  prefix: string,
  { follow, json }: LogsOptions,
  terminal: Terminal,
): Promise<void> {
  const { manifest, target, control } = handle;
  const { jobId, receiptKey } = await findJob(handle, prefix);
  const since = await admittedAt(handle, jobId, receiptKey);
  const reader = new JobLogs(target.clients.logs, logGroupsOf(manifest), jobId, since);
  if (json && !follow) {
    terminal.out(jsonOf('logs', handle, { jobId, lines: (await reader.readNew()).map(asJson) }));
    return;
  }
  const show = (lines: readonly LogLine[]) => {
    for (const line of lines) {
      if (json) terminal.out(JSON.stringify(asJson(line)));
      else print(terminal, logText(line));
    }
    return lines.length;
  };
  let shown = show(await reader.readNew());
  if (follow && receiptKey === undefined) {
    const interrupt = catchInterrupts();
    try {
      // CloudWatch returns a line seconds after it was written: the last lines come after the receipt.
      for (let readsLeft = Infinity; readsLeft > 0; readsLeft -= 1) {
        await pause(target.pollMs, interrupt.signal);
        shown += show(await reader.readNew());
        if (readsLeft === Infinity && !(await control.exists(openKey(jobId)))) readsLeft = LAST_READS;
      }
    } finally {
      interrupt.release();
    }
  }
  if (shown === 0)
    terminal.err(`No log lines for job ${shortId(jobId)} (they may have expired: logRetentionDays).`);
}

/** A log line with an ISO time, as in all other JSON, and without CloudWatch's id. */
const asJson = ({ at, group, message }: LogLine) => ({ at: new Date(at).toISOString(), group, message });

/** Reads of the log after the job has ended. */
const LAST_READS = 4;

/** Milliseconds before the admission: a job that was admitted late has log lines from before. No event is a day late. */
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

import { shortId } from '../../lifecycle/job';
import type { Command } from 'commander';
import { resolve } from 'node:path';
import { EXITS } from '../console/command-help';
import type { CommandContext } from '../console/command-line';
import { Exit, type ExitCode } from '../console/exit';
import { print } from '../console/print';
import type { Terminal } from '../console/terminal';
import { type PipelineOptions, type PipelineHandle, connect, jsonOf } from '../pipeline/connect';
import { endedFacts } from '../pipeline/ended-attempts';
import { resolveReceipt } from '../pipeline/resolve-receipt';
import { downloadResults, resultsFolder, showResults } from '../pipeline/results';
import { shortPath } from '../tools/project';
import { pipelineCommand } from './options';

interface ResultsOptions {
  /** Folder for the copies. */
  readonly out: string;
  readonly json: boolean;
}

export function addResults(root: Command, { terminal, exitWith }: CommandContext): void {
  pipelineCommand(root, 'results', 'copy the results of an upload or a job, and show their first lines', {
    examples: [
      ['results in/my.csv', 'the latest upload of that key'],
      ['results 3f2a9c --out here', 'one job'],
    ],
    exits: {
      ...EXITS.pipeline,
      [Exit.ok]: 'copied; the job succeeded',
      [Exit.jobFailed]: 'copied, but the job failed',
      [Exit.usage]: 'an argument is not valid; or there is no such upload or job, or it has no results yet',
    },
  })
    .argument('<KEY|JOB>', 'key of the upload, or first digits of the job id')
    .option('--out <DIR>', 'folder for the copies', 'results')
    .action(async (keyOrJob: string, options: PipelineOptions & ResultsOptions) => {
      exitWith(await results(await connect(options, terminal), keyOrJob, options, terminal));
    });
}

/** The exit code tells a script whether the job succeeded. */
export async function results(
  handle: PipelineHandle,
  keyOrJob: string,
  { out, json }: ResultsOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const { receipt, others } = await resolveReceipt(handle, keyOrJob);
  const { outputBucket } = handle.manifest;
  const folder = resolve(out);
  const files = await downloadResults(handle.target.clients.s3, outputBucket, receipt, folder);
  if (json) {
    const otherJobs = others.map(({ jobId, outcome, endedAt }) => ({ jobId, outcome, endedAt }));
    terminal.out(
      jsonOf('results', handle, { receipt, files, otherJobs, ...endedFacts(receipt.endedAttempts) }),
    );
  } else {
    await showResults(terminal, outputBucket, receipt, files);
    print(terminal, `  receipt: ${shortPath(resultsFolder(folder, receipt))}/receipt.json`);
    if (others.length > 0) {
      const named = others.slice(0, 5).map(({ jobId }) => shortId(jobId));
      print(terminal, `  earlier uploads of that key: ${named.join(', ')}${others.length > 5 ? ', …' : ''}`);
    }
  }
  return receipt.outcome === 'failed' ? Exit.jobFailed : Exit.ok;
}

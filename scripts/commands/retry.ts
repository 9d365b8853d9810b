import type { Command } from 'commander';
import { EXITS } from '../console/command-help';
import type { CommandContext } from '../console/command-line';
import { Exit, UsageError } from '../console/exit';
import { type PipelineOptions, runOnPipeline } from '../pipeline/connect';
import { retry } from '../pipeline/retry';
import { retryFailed } from '../pipeline/retry-failed';
import { pipelineCommand, sinceOption } from './options';

interface RetryOptions extends PipelineOptions {
  readonly failed: boolean;
  /** Milliseconds before now. */
  readonly since: number;
  readonly anyway: boolean;
}

export function addRetry(root: Command, { terminal, exitWith }: CommandContext): void {
  pipelineCommand(root, 'retry', 'run the upload of a failed job again, as a new job', {
    examples: [
      ['retry 3f2a9c', 'one job'],
      ['retry --failed --since 1d', 'every failed job of a day'],
    ],
    exits: {
      ...EXITS.pipeline,
      [Exit.ok]: 'retried, or retried already',
      [Exit.usage]: 'an argument is not valid; or the job is open, has succeeded, or has a newer upload',
      [Exit.broken]: 'AWS or the local cloud refused or failed; with --failed: for at least one job',
    },
  })
    .argument('[JOB]', 'first digits of the job id, as shown by status')
    .option('--failed', 'retry every failed job whose key has not succeeded since', false)
    .addOption(sinceOption('with --failed: only jobs that failed in this time'))
    .option('--anyway', 'even if the key has a newer upload', false)
    .action(async (job: string | undefined, options: RetryOptions) => {
      if ((job === undefined) !== options.failed)
        throw new UsageError('Pass either a job or --failed: npx lamplighter retry JOB');
      await runOnPipeline('retry', options, terminal, async (handle) => {
        if (job !== undefined) return retry(handle, job, options.anyway);
        const done = await retryFailed(handle, options.since, options.anyway, Date.now());
        if (done.failures > 0) exitWith(Exit.broken);
        return done;
      });
    });
}

import type { Command } from 'commander';
import { EXITS, addHelp } from '../console/command-help';
import type { CommandContext } from '../console/command-line';
import { Exit, UsageError } from '../console/exit';
import { type OperationOptions, operate } from '../pipeline/connect';
import { retry } from '../pipeline/retry';
import { retryFailed } from '../pipeline/retry-failed';
import { pipelineCommand, sinceOption } from './options';

interface RetryOptions extends OperationOptions {
  readonly failed: boolean;
  /** Milliseconds before now. */
  readonly since: number;
  readonly anyway: boolean;
}

export function addRetry(root: Command, { terminal, exitWith }: CommandContext): void {
  const description = 'run a failed job’s upload again, as a new job';
  const command = pipelineCommand(root, 'retry', description, 'print what it did as JSON')
    .argument('[JOB]', 'the first digits of its id, as status shows them')
    .option('--failed', 'instead of one job: all that have failed and not succeeded since', false)
    .addOption(sinceOption('with --failed: that failed since'))
    .option('--anyway', 'even if the key has been uploaded again since', false)
    .action(async (job: string | undefined, options: RetryOptions) => {
      if ((job === undefined) !== options.failed)
        throw new UsageError('Say which job to retry, or --failed: npx lamplighter retry JOB');
      await operate('retry', options, terminal, async (handle) => {
        if (job !== undefined) return retry(handle, job, options.anyway);
        const done = await retryFailed(handle, options.since, options.anyway, Date.now());
        if (done.failures > 0) exitWith(Exit.broken);
        return done;
      });
    });
  addHelp(command, {
    examples: [
      ['retry 3f2a9c', 'one job'],
      ['retry --failed --since 1d', 'all of a day'],
    ],
    exits: {
      ...EXITS.pipeline,
      [Exit.ok]: 'run again, or it was retried already',
      [Exit.usage]: 'the arguments cannot be used; the job is open, has succeeded, or has a newer upload',
      [Exit.broken]: 'AWS or the local cloud refused or broke; with --failed: for one of them at least',
    },
  });
}

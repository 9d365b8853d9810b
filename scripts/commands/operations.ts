import { type Command, InvalidArgumentError } from 'commander';
import { DoctorExit, doctor, type DoctorOptions } from './doctor';
import type { Terminal } from '../console/terminal';
import { Exit, type ExitCode, UsageError } from '../console/exit';
import { retryFailed } from '../pipeline/retry-failed';
import { sinceOption } from './options';
import type { CloudChoice } from '../pipeline/target';
import { hold, pause, release, resume, warm } from '../pipeline/orders';
import { retry } from '../pipeline/retry';
import { type Done, type PipelineHandle, operate } from '../pipeline/connect';

interface Arguments {
  readonly cloud?: CloudChoice;
  readonly region?: string;
  readonly pipeline?: string;
  readonly json: boolean;
}

interface RetryArguments extends Arguments {
  readonly failed: boolean;
  /** Milliseconds back. */
  readonly since: number;
  readonly anyway: boolean;
}

type ArgumentsWithReason = Arguments & { readonly why?: string };

/** The parts of the command line that these commands need. */
export interface CommandLine {
  readonly terminal: Terminal;
  withTarget(command: Command): Command;
  /** What went wrong, in words. */
  explain(error: unknown): { readonly message: string };
  end(code: ExitCode): void;
}

/** The commands of whoever looks after a pipeline. Each may be given twice: the second time it changes nothing. */
export function addOperations(root: Command, line: CommandLine): void {
  const { terminal } = line;
  const add = (name: string, description: string) =>
    line
      .withTarget(root.command(name))
      .description(description)
      .option('--json', 'print what it did as JSON', false);
  const addWithReason = (
    name: string,
    description: string,
    act: (handle: PipelineHandle, why: string | undefined) => Promise<Done>,
  ) =>
    add(name, description)
      .option('--why <TEXT>', 'a word for whoever finds the order')
      .action((options: ArgumentsWithReason) =>
        operate(name, options, terminal, (handle) => act(handle, options.why)),
      );

  addWithReason('pause', 'order that the instance be not started; uploads wait', pause);
  add('resume', 'take the pause back, the breaker’s too, and start what waits').action((options: Arguments) =>
    operate('resume', options, terminal, resume),
  );
  addWithReason('hold', 'order that the instance be not stopped', hold);
  add('release', 'take the hold back, and stop the instance if nothing is open').action(
    (options: Arguments) => operate('release', options, terminal, release),
  );
  addWithReason('warm', 'start the instance now and hold it, so that the next upload need not wait', warm);
  add('retry', 'run a failed job’s upload again, as a new job')
    .argument('[JOB]', 'the first digits of its id, as status shows them')
    .option('--failed', 'instead of one job: all that have failed and not succeeded since', false)
    .addOption(sinceOption('with --failed: that failed since'))
    .option('--anyway', 'even if the key has been uploaded again since', false)
    .action(async (job: string | undefined, options: RetryArguments) => {
      if ((job === undefined) !== options.failed)
        throw new UsageError('Say which job to retry, or --failed: npx lamplighter retry JOB');
      await operate('retry', options, terminal, async (handle) => {
        if (job !== undefined) return retry(handle, job, options.anyway);
        const done = await retryFailed(handle, options.since, options.anyway, Date.now());
        if (done.failures > 0) line.end(Exit.broken);
        return done;
      });
    });

  addDoctor(root, line);
}

function addDoctor(root: Command, line: CommandLine): void {
  const { terminal } = line;
  line
    .withTarget(root.command('doctor'))
    .description('look at a pipeline from end to end; say what is wrong and what to do')
    .option('--json', 'print it as JSON', false)
    .option('--uploads <N>', 'so many uploads are compared with receipts', countUpTo(100_000), 200)
    .option('--hours <N>', 'jobs that failed longer ago are history', countUpTo(100_000), 24)
    .option('--plan', 'run terraform plan, too, where this checkout was last deployed from', false)
    .action(async (options: DoctorOptions) => {
      try {
        line.end(await doctor(options, terminal));
      } catch (error) {
        const { message } = line.explain(error);
        if (options.json) terminal.out(JSON.stringify({ command: 'doctor', couldNotLook: message }, null, 2));
        terminal.err(`lamplighter: could not look: ${message}`);
        line.end(DoctorExit.couldNotLook);
      }
    });
}

/** Reads a whole number of an option, from 1 to `most`. */
export function countUpTo(most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= 1 && number <= most) return number;
    throw new InvalidArgumentError(`It is a whole number from 1 to ${most}.`);
  };
}

import { runBatch, runComparison, runCrashPoints, type BatchTask } from './batch';
import { runEconomy, type EconomyTask } from './economy';
import type { Fault } from './faults';
import { currentSeed, runTracked } from './current-seed';

type Task =
  | { readonly kind: 'batch' | 'comparison'; readonly task: BatchTask }
  | { readonly kind: 'economy'; readonly task: EconomyTask }
  | { readonly kind: 'crash points'; readonly seed: number; readonly jobs: number }
  | {
      readonly kind: 'replay';
      readonly seed: number;
      readonly faults: readonly Fault[] | undefined;
      readonly jobs: number | undefined;
      readonly crowded: boolean | undefined;
    };

/** In a child process: an answer to each task, until the parent lets go. */
process.on('message', (task: Task) => {
  void reply(task).catch(ends);
});
process.once('uncaughtException', ends);
process.once('disconnect', () => process.exit());

async function reply(task: Task): Promise<void> {
  const answer = await run(task);
  // What failed though nobody waits for it shows now, while the task is still out.
  await new Promise((resolve) => setImmediate(resolve));
  process.send?.({ answer });
}

/** Nobody can tell what an error has left behind, so it ends the process; the parent is told in which history it came. */
function ends(error: unknown, origin?: string): void {
  // Of a promise that nobody waits for node tells at the next immediate, which may be some histories later.
  const orBefore = origin === 'unhandledRejection' ? ' or one shortly before it' : '';
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const failure = `an error in the history of seed ${currentSeed() ?? '(none yet)'}${orBefore}: ${what}`;
  process.send?.({ failure }, () => process.exit(1));
}

async function run(task: Task): Promise<unknown> {
  switch (task.kind) {
    case 'batch':
      return runBatch(task.task);
    case 'comparison':
      return runComparison(task.task);
    case 'economy':
      return runEconomy(task.task);
    case 'crash points':
      return runCrashPoints(task.seed, task.jobs);
    case 'replay': {
      const { violation } = await runTracked({
        ...task,
        onStoryLine: (line) => process.stdout.write(`${line}\n`),
      });
      return violation ?? null;
    }
  }
}

import { runBatch, runComparison, runCrashPoints, type BatchTask } from './batch';
import { runEconomy, type EconomyTask } from './economy';
import { currentSeed, runHistory, type HistoryOptions } from './history';

type Task =
  | { readonly kind: 'batch' | 'comparison'; readonly task: BatchTask }
  | { readonly kind: 'economy'; readonly task: EconomyTask }
  | { readonly kind: 'crash points'; readonly seed: number; readonly jobs: number }
  | { readonly kind: 'replay'; readonly options: HistoryOptions };

/** The entry of a child process. It answers each task until the parent disconnects. */
process.on('message', (task: Task) => {
  void reply(task).catch(endWithError);
});
process.once('uncaughtException', endWithError);
process.once('disconnect', () => process.exit());

async function reply(task: Task): Promise<void> {
  const answer = await run(task);
  // A rejection that no code handles is reported now, before the answer is sent.
  await new Promise((resolve) => setImmediate(resolve));
  process.send?.({ answer });
}

/** Ends the process after an unexpected error, because its state is unknown. The parent receives the history's seed. */
function endWithError(error: unknown, origin?: string): void {
  // Node reports an unhandled rejection at the next `setImmediate`, which may be several histories later.
  const orBefore = origin === 'unhandledRejection' ? ' or one shortly before it' : '';
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const failure = `an error in the history of seed ${currentSeed ?? '(none yet)'}${orBefore}: ${what}`;
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
      const onStoryLine = (line: string) => process.stdout.write(`${line}\n`);
      return (await runHistory({ ...task.options, onStoryLine })).violation ?? null;
    }
  }
}

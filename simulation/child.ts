import { runBatch, runComparison, runCrashPoints, type BatchOrder } from './batch';
import { runEconomy, type EconomyOrder } from './economy';
import type { Fault } from './faults';
import { lastSeed, runNamed } from './under-way';

type Order =
  | { readonly kind: 'batch' | 'comparison'; readonly order: BatchOrder }
  | { readonly kind: 'economy'; readonly order: EconomyOrder }
  | { readonly kind: 'crash points'; readonly seed: number; readonly jobs: number }
  | {
      readonly kind: 'replay';
      readonly seed: number;
      readonly faults: readonly Fault[] | undefined;
      readonly jobs: number | undefined;
      readonly crowded: boolean | undefined;
    };

/** In a child process: an answer to each order, until the parent lets go. */
process.on('message', (order: Order) => {
  void reply(order).catch(ends);
});
process.once('uncaughtException', ends);
process.once('disconnect', () => process.exit());

async function reply(order: Order): Promise<void> {
  const answer = await obey(order);
  // What failed though nobody waits for it shows now, while the order is still out.
  await new Promise((resolve) => setImmediate(resolve));
  process.send?.({ answer });
}

/** Nobody can tell what an error has left behind, so it ends the process; the parent is told in which history it came. */
function ends(error: unknown, origin?: string): void {
  // Of a promise that nobody waits for node tells at the next immediate, which may be some histories later.
  const orBefore = origin === 'unhandledRejection' ? ' or one shortly before it' : '';
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const failure = `an error in the history of seed ${lastSeed() ?? '(none yet)'}${orBefore}: ${what}`;
  process.send?.({ failure }, () => process.exit(1));
}

async function obey(order: Order): Promise<unknown> {
  switch (order.kind) {
    case 'batch':
      return runBatch(order.order);
    case 'comparison':
      return runComparison(order.order);
    case 'economy':
      return runEconomy(order.order);
    case 'crash points':
      return runCrashPoints(order.seed, order.jobs);
    case 'replay': {
      const { violation } = await runNamed({ ...order, tell: (line) => process.stdout.write(`${line}\n`) });
      return violation ?? null;
    }
  }
}

import { runBatch, runComparison, runCrashPoints, type BatchOrder } from './batch';
import { runEconomy, type EconomyOrder } from './economy';
import type { Fault } from './faults';
import { runHistory } from './history';

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
  void obey(order).then((answer) => process.send?.(answer));
});
process.once('disconnect', () => process.exit());

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
      const { violation } = await runHistory({ ...order, tell: (line) => process.stdout.write(`${line}\n`) });
      return violation ?? null;
    }
  }
}

import { runHistory, type HistoryOptions } from './history';
import type { HistoryResult } from './history-result';

let seed: number | undefined;

/** Lets a history happen, and keeps its seed for whoever has to say in which one the process ended. */
export function runTracked(options: HistoryOptions): Promise<HistoryResult> {
  ({ seed } = options);
  return runHistory(options);
}

/** The seed of the history that began last. */
export function currentSeed(): number | undefined {
  return seed;
}

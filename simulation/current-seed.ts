import { runHistory, type HistoryOptions } from './history';
import type { HistoryResult } from './history-result';

let seed: number | undefined;

/** Runs a history and keeps its seed, for the message of a process that ends in an error. */
export function runTracked(options: HistoryOptions): Promise<HistoryResult> {
  ({ seed } = options);
  return runHistory(options);
}

/** The seed of the history that began last. */
export function currentSeed(): number | undefined {
  return seed;
}

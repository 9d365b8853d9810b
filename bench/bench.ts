/** The samples of one thing that a benchmark measures: one sample a round. */
export interface Measured {
  readonly name: string;
  /** `ms`, `s`, `MB`, `kB` or a word for what is counted. Printed behind each number. */
  readonly unit: string;
  readonly samples: readonly number[];
  /** The name of the line of the same run with which this one is compared. The table gives the ratio of the medians. */
  readonly beside?: string;
  /** What is aimed at: the median at most, or its ratio to `beside` at most. */
  readonly goal?: { readonly most: number } | { readonly mostRatio: number };
}

export interface Benchmark {
  /** The word behind `npm run bench --`. */
  readonly name: string;
  /** What is measured and how, in a sentence or two. It stands above the table. */
  readonly description: string;
  /** How often each thing is measured, unless `--rounds` says otherwise. */
  readonly rounds: number;
  /** Measures all lines; subjects take turns within a round, so that a noisy minute strikes all of them. */
  measure(rounds: number, progress: (line: string) => void): Promise<readonly Measured[]>;
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

import { Command, InvalidArgumentError } from 'commander';
import { availableParallelism, cpus } from 'node:os';
import type { BatchReport } from './batch';
import { bundleSimulator } from './bundle';
import { withChild } from './children';
import { table } from './table';

/** Our design, and the plain chain. The plain chain shows how much of a call's time is the simulator's own. */
const SUBJECTS = [
  { name: 'ours', plainChain: false, crowded: false },
  { name: 'ours, crowded', plainChain: false, crowded: true },
  { name: 'plain chain', plainChain: true, crowded: false },
] as const;

interface Options {
  readonly rounds: number;
  readonly histories: number;
  readonly warmUp: number;
}

/**
 * Measures how many histories one core runs per second. Each subject runs in a process of its own, one process at a
 * time. Each process first runs uncounted histories, so that node has compiled the code as in a long run.
 */
async function run({ rounds, histories, warmUp }: Options): Promise<void> {
  const bundle = await bundleSimulator();
  const reports = new Map(SUBJECTS.map(({ name }) => [name as string, [] as BatchReport[]]));
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, plainChain, crowded } of SUBJECTS) {
      const firstSeed = 1 + round * (warmUp + histories);
      const report = await withChild(bundle, async (sendTask) => {
        const batch = (from: number, count: number) => {
          const task = { firstSeed: from, histories: count, plainChain, crowded };
          return sendTask<BatchReport>({ kind: 'batch', task });
        };
        await batch(firstSeed, warmUp);
        return batch(firstSeed + warmUp, histories);
      });
      reports.get(name)?.push(report);
    }
  }
  const microsPerCall = (all: readonly BatchReport[]) =>
    median(all.map(({ cpuMs, calls }) => (cpuMs * 1000) / calls));
  const plain = microsPerCall(reports.get('plain chain') ?? []);
  const rows = [...reports].map(([name, all]) => {
    const rates = all.map((report) => (report.histories / report.wallMs) * 1000).sort((a, b) => a - b);
    const micros = microsPerCall(all);
    return [
      name,
      Math.round(median(rates)),
      `${Math.round(rates[0] ?? NaN)}–${Math.round(rates.at(-1) ?? NaN)}`,
      Math.round(median(all.map((report) => report.calls / report.histories))),
      micros.toFixed(1),
      (micros / plain).toFixed(2),
    ];
  });
  const heads = ['', 'histories/s', 'least–most', 'calls each', 'µs a call', '× plain chain'];
  process.stdout.write(
    `${table(heads, rows)}\n\n${rounds} rounds of ${histories.toLocaleString('en-US')} histories after ${warmUp.toLocaleString('en-US')} to warm up, one process at a time, medians; ` +
      `node ${process.versions.node}, ${availableParallelism()} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}\n`,
  );
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('A whole number greater than 0 is needed.');
}

new Command('bench')
  .description('Measures how many histories the simulator runs in a second on one core')
  .option('--rounds <n>', 'how often each is measured', positive, 5)
  .option('--histories <n>', 'how many histories a round', positive, 5_000)
  .option('--warm-up <n>', 'how many histories run before them, uncounted', positive, 5_000)
  .action(run)
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  });

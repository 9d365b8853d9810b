import { Argument, Command, InvalidArgumentError } from 'commander';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import type { Benchmark } from './bench';
import { calls } from './calls';
import { cold } from './cold';
import { DOCUMENT, page, RESULTS } from './page';
import { people } from './people';
import { rendered, resultOf } from './render';
import { simulator } from './simulator';
import { start } from './start';

const BENCHMARKS: readonly Benchmark[] = [calls, cold, people, simulator, start];

/** Measures, prints the table, and with `--record` writes the result and the page of all results. */
async function run(name: string, options: { rounds?: number; record?: true }): Promise<void> {
  const benchmark = BENCHMARKS.find((each) => each.name === name);
  if (!benchmark) throw new Error(`there is no benchmark ${name}`);
  const progress = (line: string) => process.stderr.write(`${line}\n`);
  const lines = await benchmark.measure(options.rounds ?? benchmark.rounds, progress);
  const machine = `node ${process.versions.node}, ${availableParallelism()} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}`;
  const result = resultOf(benchmark, lines, machine);
  process.stdout.write(rendered(result));
  if (!options.record) return;
  await mkdir(RESULTS, { recursive: true });
  await writeFile(join(RESULTS, `${name}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
  await writeFile(DOCUMENT, await page());
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('A whole number greater than 0 is needed.');
}

new Command('bench')
  .description('Measures a speed or a size of Lamplighter, beside something of the same run')
  .addArgument(new Argument('<name>', 'what is measured').choices(BENCHMARKS.map((each) => each.name)))
  .option('--rounds <n>', 'how often each thing is measured', positive)
  .option('--record', 'write the result to bench/results and docs/BENCHMARKS.md')
  .action(run)
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  });

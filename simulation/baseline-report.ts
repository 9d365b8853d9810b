import type { Comparisons } from './batch';
import { inChild } from './children';
import type { Options, Output } from './command-line';
import { table } from './table';

/**
 * Runs the same histories under the plain chain and under our design, and prints both results. Returns false if our
 * design had a violation.
 */
export async function reportBaseline(
  bundle: string,
  { seed, histories, faults, jobs }: Pick<Options, 'seed' | 'histories' | 'faults' | 'jobs'>,
  { print }: Pick<Output, 'print'>,
): Promise<boolean> {
  const violations: string[] = [];
  const rows: (string | number)[][] = [];
  for (const [name, kinds] of [
    ['no faults', []],
    ['faults', faults],
  ] as const) {
    const task = { firstSeed: seed, histories, faults: kinds, jobs };
    const { plain, ours } = await inChild<Comparisons>(bundle, { kind: 'comparison', task });
    if (ours.violation) {
      const { seed: violated, check, detail } = ours.violation;
      violations.push(`VIOLATION in seed ${violated}, ${name}: ${check}: ${detail}`);
    }
    for (const [who, { accepted, failed, lost, killed, onMs }] of [
      ['plain chain', plain],
      ['ours', ours],
    ] as const) {
      const results = accepted - failed - lost;
      rows.push([name, who, accepted, results, failed, lost, killed, Math.round(onMs / 3_600_000)]);
    }
  }
  const counts = ['uploads', 'results', 'failed', 'lost', 'runs killed by its stop', 'machine-hours on'];
  print(table(['', 'design', ...counts], rows));
  print(
    '\nfailed: the model exited with an error or wrote no file; ours also: the time limit or the attempts were used up.\nOurs writes the reason into a receipt. The plain chain reports nothing and leaves the instance on.\nlost: the job never ended',
  );
  for (const violation of violations) print(`\n${violation}`);
  return violations.length === 0;
}

import type { Comparison } from './batch';
import { inChild } from './children';
import type { Options, Output } from './command-line';
import { table } from './table';

/** Shows what becomes of the same histories under both designs. False if ours had a violation. */
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
    const result = await inChild<{ plain: Comparison; ours: Comparison }>(bundle, {
      kind: 'comparison',
      task,
    });
    const { violation } = result.ours;
    if (violation) {
      violations.push(
        `VIOLATION in seed ${violation.seed}, ${name}: ${violation.check}: ${violation.detail}`,
      );
    }
    for (const [who, { accepted, failed, lost, killed, onMs }] of [
      ['plain chain', result.plain],
      ['ours', result.ours],
    ] as const) {
      const results = accepted - failed - lost;
      rows.push([name, who, accepted, results, failed, lost, killed, Math.round(onMs / 3_600_000)]);
    }
  }
  const counts = ['uploads', 'results', 'failed', 'lost', 'runs killed by its stop', 'machine-hours on'];
  print(table(['', 'design', ...counts], rows));
  print(
    '\nfailed: the model exited with an error or left no file; ours also, when its time limit or its attempts were\nused up. Ours says why in a receipt, the plain chain tells nobody and leaves the instance on. lost: no end at all',
  );
  for (const violation of violations) print(`\n${violation}`);
  return violations.length === 0;
}

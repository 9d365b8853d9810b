import { inChild } from './children';
import type { BatchReport } from './batch';
import { bundleSimulator } from './bundle';
import { MUTATIONS, type Mutation } from './mutations';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import seeds from './mutant-seeds.json';

/** The mutations that some check has to catch. */
export const CATCHABLE = MUTATIONS.filter(({ redundant }) => redundant === undefined);

/** The history that catches each mutation, as `npm run simulate -- --mutations` or a long run last found it. */
export const CAUGHT_AT: Readonly<Record<string, number | undefined>> = seeds;

const SEEDS_FILE = join(__dirname, 'mutant-seeds.json');

export async function rememberSeed({ name }: Mutation, seed: number): Promise<void> {
  const known = JSON.parse(await readFile(SEEDS_FILE, 'utf8')) as Record<string, number>;
  if (known[name] === seed) return;
  const inOrder = MUTATIONS.flatMap(({ name: each }) => {
    const its = each === name ? seed : known[each];
    return its === undefined ? [] : [[each, its] as const];
  });
  await writeFile(SEEDS_FILE, `${JSON.stringify(Object.fromEntries(inOrder), null, 2)}\n`);
}

/**
 * Lets the production code without one rule live through the one history that is known to catch that; what was violated, or
 * undefined: the code or the simulator has changed, and the seed has to be found anew.
 */
export async function violationWithout(mutation: Mutation) {
  const seed = CAUGHT_AT[mutation.name];
  if (seed === undefined) return undefined;
  const { faults } = mutation;
  const order = { firstSeed: seed, histories: 1, faults, jobs: undefined, crowded: true };
  const report = await inChild<BatchReport>(await bundleSimulator(mutation), { kind: 'batch', order });
  return report.violation;
}

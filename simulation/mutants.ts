import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleSimulator } from './bundle';
import { MUTATIONS, type Mutation } from './mutations';
import { runAll, violationsIn, type Run } from './side-by-side';
import type { SeededViolation } from './batch';
import type { Check } from './check-list';
import seeds from './mutant-seeds.json';

/** A history that catches a mutation, and the check that fails in it. */
interface KnownCatch {
  readonly seed: number;
  readonly caughtBy: Check;
}

/** What catches each mutation, by its name. `npm run simulate -- --mutations` and long runs find it. */
export const KNOWN_CATCHES = seeds as Readonly<Record<string, KnownCatch | undefined>>;

const SEEDS_FILE = join(__dirname, 'mutant-seeds.json');

export async function rememberCatch({ name }: Mutation, { seed, check }: SeededViolation): Promise<void> {
  const known = JSON.parse(await readFile(SEEDS_FILE, 'utf8')) as Record<string, KnownCatch>;
  const inOrder = MUTATIONS.flatMap(({ name: each }) => {
    const itsCatch = each === name ? { seed, caughtBy: check } : known[each];
    return itsCatch === undefined ? [] : [[each, itsCatch] as const];
  });
  await writeFile(SEEDS_FILE, `${JSON.stringify(Object.fromEntries(inOrder), null, 2)}\n`);
}

/**
 * Runs histories of the production code with one mutation, and returns the first violation. By default it runs the
 * one history that is known to catch the mutation.
 *
 * Returns undefined if no history catches the mutation. If the seed is known, the code or the simulator has changed:
 * the seed must be found again.
 */
export async function violationUnder(mutation: Mutation, run = knownRun(mutation)) {
  if (!run) return undefined;
  const bundle = await bundleSimulator(mutation);
  const reports = await runAll(bundle, { ...run, faults: mutation.faults, crowded: true });
  return violationsIn(reports).at(0);
}

function knownRun({ name }: Mutation): Pick<Run, 'seed' | 'histories' | 'workers'> | undefined {
  const known = KNOWN_CATCHES[name];
  return known && { seed: known.seed, histories: 1, workers: 1 };
}

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleSimulator } from './bundle';
import { MUTATIONS, type Mutation } from './mutations';
import { runAll, violationsIn, type Run } from './side-by-side';
import seeds from './mutant-seeds.json';

/** The seed of a history that catches each mutation. `npm run simulate -- --mutations` and long runs find them. */
export const KNOWN_SEEDS: Readonly<Record<string, number | undefined>> = seeds;

const SEEDS_FILE = join(__dirname, 'mutant-seeds.json');

export async function rememberSeed({ name }: Mutation, seed: number): Promise<void> {
  const known = JSON.parse(await readFile(SEEDS_FILE, 'utf8')) as Record<string, number>;
  if (known[name] === seed) return;
  const inOrder = MUTATIONS.flatMap(({ name: each }) => {
    const itsSeed = each === name ? seed : known[each];
    return itsSeed === undefined ? [] : [[each, itsSeed] as const];
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
  const seed = KNOWN_SEEDS[name];
  return seed === undefined ? undefined : { seed, histories: 1, workers: 1 };
}

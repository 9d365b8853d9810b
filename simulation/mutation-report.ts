import type { SeededViolation } from './batch';
import type { Options, Output } from './command-line';
import { rememberCatch, violationUnder } from './mutants';
import type { Mutation } from './mutations';
import { table } from './table';

type SearchOptions = Pick<Options, 'histories' | 'seed' | 'workers' | 'search'>;

/**
 * Prints what catches each mutation, and stores the seeds that it found. Returns false if nothing catches a mutation
 * that is not declared redundant.
 */
export async function mutationReport(
  mutations: readonly Mutation[],
  options: SearchOptions,
  { print, warn }: Output,
): Promise<boolean> {
  const rows: (string | number)[][] = [];
  let allCaught = true;
  for (const mutation of mutations) {
    const catching = await findCatch(mutation, options);
    const row = [
      mutation.name,
      mutation.rule,
      mutation.file,
      String(catching?.violation.seed ?? '—'),
      catching?.seedIs ?? '—',
      catching?.violation.check ?? 'NOTHING',
    ];
    rows.push(row);
    warn(row.join(' | '));
    if (catching?.seedIs === 'found now') await rememberCatch(mutation, catching.violation);
    if (!catching && mutation.redundant === undefined) allCaught = false;
  }
  print(table(['mutation', 'rule', 'in', 'seed', 'seed is', 'caught by'], rows));
  return allCaught;
}

interface Catch {
  readonly seedIs: 'remembered' | 'found now';
  readonly violation: SeededViolation;
}

/**
 * Finds a history that catches the mutation: the known seed first, then a search. With `search` the search is first.
 * The known seed then counts if the search finds none, because some known seeds come from longer runs.
 */
export async function findCatch(mutation: Mutation, options: SearchOptions): Promise<Catch | undefined> {
  const { histories, seed, workers, search } = options;
  for (const seedIs of search
    ? (['found now', 'remembered'] as const)
    : (['remembered', 'found now'] as const)) {
    const run = seedIs === 'found now' ? { histories, seed, workers } : undefined;
    const violation = await violationUnder(mutation, run);
    if (violation) return { seedIs, violation };
  }
  return undefined;
}

import { KNOWN_CATCHES } from './mutants';
import { MUTATIONS, type Mutation } from './mutations';
import { RULES, type Rule, type RuleId } from './rules';
import { CHECKS } from './check-list';
import { table } from './table';

/** One line for each mutation, or one for a rule without a mutation. `npm run rules` prints it; docs/SIMULATION.md has it. */
export function rulesTable(): string {
  const rows = (Object.keys(RULES) as RuleId[]).flatMap((id) => {
    const rule: Rule = RULES[id];
    const mutations = MUTATIONS.filter((mutation) => mutation.rule === id);
    if (mutations.length === 0) return [[id, rule.file, '—', `— ${rule.untested ?? ''}`]];
    return mutations.map((mutation) => [id, rule.file, mutation.name, catchOf(mutation)]);
  });
  return table(['rule', 'kept in', 'mutation', 'caught by'], rows);
}

function catchOf({ name, redundant }: Mutation): string {
  const known = KNOWN_CATCHES[name];
  if (!known) return `— ${redundant ?? 'nothing'}`;
  return `${CHECKS[known.caughtBy][0]}: ${known.caughtBy}`;
}

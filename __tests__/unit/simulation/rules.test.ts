import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KNOWN_CATCHES } from '../../../simulation/mutants';
import { MUTATIONS } from '../../../simulation/mutations';
import { RULES, type Rule, type RuleId } from '../../../simulation/rules';
import { rulesTable } from '../../../simulation/rules-report';
import { PROJECT } from '../../support/synth';

const IDS = Object.keys(RULES) as RuleId[];
const textOf = (file: string) => readFileSync(join(PROJECT, file), 'utf8');
const architecture = textOf('docs/ARCHITECTURE.md');

describe.each(IDS)('the rule %s', (id) => {
  const rule: Rule = RULES[id];
  const mutations = MUTATIONS.filter((mutation) => mutation.rule === id);

  it('stands once in ARCHITECTURE', () => {
    expect(architecture.split(`**${id}**`)).toHaveLength(2);
  });

  it('is cited by a comment in the file that keeps it', () => {
    expect(commentsIn(textOf(rule.file))).toMatch(new RegExp(`\\b${id}\\b`));
  });

  it('has a mutation that removes it from that file, and a check that catches it, or a reason', () => {
    if (rule.untested !== undefined) {
      expect(mutations).toEqual([]);
      return;
    }
    expect(mutations.filter(({ file }) => file === rule.file)).not.toEqual([]);
    for (const { name, redundant } of mutations)
      expect([name, KNOWN_CATCHES[name] !== undefined]).toEqual([name, redundant === undefined]);
  });
});

it('no rule is cited that does not exist, so that a reader finds each number', () => {
  const files = new Set(IDS.map((id) => RULES[id].file));
  const cited = [...files].flatMap((file) => commentsIn(textOf(file)).match(/\b[AWCDSLBUTN]\d+\b/g) ?? []);
  expect(cited.filter((id) => !(id in RULES))).toEqual([]);
});

it('SIMULATION has the table that npm run rules prints', () => {
  expect(textOf('docs/SIMULATION.md')).toContain(rulesTable());
});

const commentsIn = (code: string) => (code.match(/\/\*[\s\S]*?\*\/|\/\/.*/g) ?? []).join('\n');

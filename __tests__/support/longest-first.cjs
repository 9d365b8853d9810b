// Jest's order of the test files. On a fresh clone Jest knows no file's duration, and begins with the largest files. The
// longest then runs alone at the end.
const { default: Sequencer } = require('@jest/test-sequencer');

/** The files that take longest, the longest first. */
const LONGEST = [
  'simulation/simulation',
  'runner/endings',
  'simulation/month',
  'simulation/ssm',
  'runner/programs',
  'simulation/economy',
];

const rankOf = ({ path }) => {
  const rank = LONGEST.findIndex((name) => path.endsWith(`/unit/${name}.test.ts`));
  return rank < 0 ? LONGEST.length : rank;
};

module.exports = class extends Sequencer {
  sort(tests) {
    return [...super.sort(tests)].sort((a, b) => rankOf(a) - rankOf(b));
  }
};

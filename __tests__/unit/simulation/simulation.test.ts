import { runCrashPoints } from '../../../simulation/batch';
import { mutatedText } from '../../../simulation/bundle';
import { FAULT_NAMES } from '../../../simulation/faults';
import { runHistory } from '../../../simulation/history';
import { KNOWN_CATCHES, violationUnder } from '../../../simulation/mutants';
import { MUTATIONS } from '../../../simulation/mutations';
import { traceOf } from '../../support/trace';

/** The mutations that a check must catch. */
const CATCHABLE = MUTATIONS.filter(({ redundant }) => redundant === undefined);

const PINNED = {
  lines: 125,
  hash: 'e018d15c28eff2bc2e71501f72a8b55cc121e21aed42be1e52238f0b93b82a77',
};

describe('the simulated cloud', () => {
  it('loses no upload, kills no model and leaves no instance on, under every fault', async () => {
    const violations = [];
    const struck = new Set<string>();
    for (let seed = 1; seed <= 500; seed += 1) {
      const { violation, injected } = await runHistory({ seed });
      if (violation) violations.push({ seed, ...violation });
      for (const fault of injected.keys()) struck.add(fault);
    }
    expect(violations).toEqual([]);
    // The rarest faults need more histories.
    expect(struck.size).toBeGreaterThan(FAULT_NAMES.length - 6);
  }, 60_000);

  it('converges after a crash at any call', async () => {
    const reports = await runCrashPoints(1, 1);
    expect(reports.length).toBeGreaterThan(250);
    expect(reports.filter(({ violation }) => violation)).toEqual([]);
  }, 60_000);

  it('repeats the same history from the same seed, so that a bug can be found again', async () => {
    const [one, other] = [await traceOf({ seed: 7 }), await traceOf({ seed: 7 })];
    expect(one.lines).toEqual(other.lines);
    expect((await traceOf({ seed: 8 })).hash).not.toBe(one.hash);
  });

  it('repeats the same history on any machine', async () => {
    // Changes with the calls and logs of production code. Then read the story and update PINNED.
    const { lines, hash } = await traceOf({ seed: 1, jobs: 1, faults: [] });
    expect({ lines: lines.length, hash }).toEqual(PINNED);
  });

  it.each(MUTATIONS)('finds the text of the mutation "$name" in the code', async (mutation) => {
    expect(await mutatedText(mutation)).not.toBe('');
  });
});

describe('the checks', () => {
  // A change of the code's calls may make a seed useless. `npm run simulate -- --mutations` then finds a new one.
  it.each(CATCHABLE)('catch "$name"', async (mutation) => {
    const { seed, caughtBy } = KNOWN_CATCHES[mutation.name]!;
    expect(await violationUnder(mutation)).toMatchObject({ seed, check: caughtBy });
  });
});

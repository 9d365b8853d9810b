import { runCrashPoints } from '../../../simulation/batch';
import { mutatedText } from '../../../simulation/bundle';
import { FAULT_NAMES } from '../../../simulation/faults';
import { runHistory } from '../../../simulation/history';
import { KNOWN_SEEDS, violationUnder } from '../../../simulation/mutants';
import { MUTATIONS } from '../../../simulation/mutations';
import { traceOf } from '../../support/trace';

/** The mutations that some check has to catch. */
const CATCHABLE = MUTATIONS.filter(({ redundant }) => redundant === undefined);

const PINNED = {
  lines: 140,
  hash: '0059780e16a2a12234ebfccbe8956ff3197b58d6df0025f77d49cf19ffcedf23',
};

describe('the simulated cloud', () => {
  it('loses nothing, kills nothing, leaves nothing on, under every fault', async () => {
    const violations = [];
    const struck = new Set<string>();
    for (let seed = 1; seed <= 500; seed += 1) {
      const { violation, injected } = await runHistory({ seed });
      if (violation) violations.push({ seed, ...violation });
      for (const fault of injected.keys()) struck.add(fault);
    }
    expect(violations).toEqual([]);
    // The rarest have not had their turn yet.
    expect(struck.size).toBeGreaterThan(FAULT_NAMES.length - 6);
  }, 60_000);

  it('converges after a crash at any call of any part', async () => {
    const reports = await runCrashPoints(1, 1);
    expect(reports.length).toBeGreaterThan(250);
    expect(reports.filter(({ violation }) => violation)).toEqual([]);
  }, 60_000);

  it('tells the same story from the same seed, so that a bug once found is found again', async () => {
    const [one, other] = [await traceOf({ seed: 7 }), await traceOf({ seed: 7 })];
    expect(one.lines).toEqual(other.lines);
    expect((await traceOf({ seed: 8 })).hash).not.toBe(one.hash);
  });

  it('tells the same story on any machine', async () => {
    // Changes with whatever the production code calls and logs; then look at the story and pin it anew.
    const { lines, hash } = await traceOf({ seed: 1, jobs: 1, faults: [] });
    expect({ lines: lines.length, hash }).toEqual(PINNED);
  });

  it.each(MUTATIONS)('still finds the rule that "$name" takes away', async (mutation) => {
    expect(await mutatedText(mutation)).not.toBe('');
  });
});

describe('the checks', () => {
  // Seeds go with the code: after a change of what it calls, `npm run simulate -- --mutations` finds them anew.
  it.each(CATCHABLE)('catch "$name"', async (mutation) => {
    expect(await violationUnder(mutation)).toMatchObject({ seed: KNOWN_SEEDS[mutation.name] });
  });
});

import { DEFAULT_LINGER_SECONDS } from '../../../lifecycle/linger';
import { runEconomy, type Bills } from '../../../simulation/economy';
import { brokenBounds } from '../../../simulation/economy-report';
import { WORKLOAD_KINDS, type WorkloadKind } from '../../../simulation/workloads';

const measured = (workload: WorkloadKind, workloads: number): Promise<Bills[]> =>
  runEconomy({ workload, firstSeed: 1, workloads, lingerSeconds: DEFAULT_LINGER_SECONDS });

describe('what on-time costs', () => {
  it('without a tail, a day of a few runs costs what the runs cost, and two in a hundred more at most', async () => {
    for (const { seed, stopAtOnceMs, clairvoyantMs, alwaysOnMs } of await measured('original', 12)) {
      expect({ seed, dear: stopAtOnceMs > 1.02 * clairvoyantMs }).toEqual({ seed, dear: false });
      expect(stopAtOnceMs).toBeLessThan(alwaysOnMs / 4);
    }
  }, 60_000);

  it.each(WORKLOAD_KINDS)(
    'with the default tail, "%s" costs twice the optimum at most',
    async (kind) => {
      for (const { seed, withTailMs, clairvoyantMs } of await measured(kind, 4)) {
        expect({ seed, dear: withTailMs > 2 * clairvoyantMs }).toEqual({ seed, dear: false });
      }
    },
    60_000,
  );

  it('measures a tail: it costs more than none where nothing comes in it', async () => {
    for (const { withTailMs, stopAtOnceMs } of await measured('original', 3)) {
      expect(withTailMs - stopAtOnceMs).toBeGreaterThan(DEFAULT_LINGER_SECONDS * 1000);
    }
  }, 60_000);
});

describe('the command ends with 1 when a bound is broken, and says which', () => {
  const billed = (withTailMs: number, stopAtOnceMs: number): Bills => ({
    ...{ seed: 7, jobs: 1, alwaysOnMs: 9_000, plainChainMs: 1_000, plainChainLost: 0 },
    ...{ stopAtOnceMs, withTailMs, clairvoyantMs: 1_000 },
  });
  const broken = (kind: WorkloadKind, bills: Bills) => brokenBounds(new Map([[kind, [bills]]]));

  it.each(WORKLOAD_KINDS)('"%s": twice the optimum, with the tail', (kind) => {
    expect(broken(kind, billed(2_000, 1_000))).toEqual([]);
    expect(broken(kind, billed(2_001, 1_000))).toEqual([`"${kind}" with the tail 2.001 (7); allowed is 2`]);
  });

  it('"original": two in a hundred more than the optimum, without a tail', () => {
    expect(broken('original', billed(1_000, 1_020))).toEqual([]);
    expect(broken('original', billed(1_000, 1_021))).toEqual([
      '"original" without a tail 1.021 (7); allowed is 1.02',
    ]);
  });

  it('nothing is claimed of others without a tail: of runs from 1 to 20 minutes, 1.02 would not be true', () => {
    expect(broken('original, shorter', billed(1_000, 1_028))).toEqual([]);
  });
});

import { DEFAULT_LINGER_SECONDS } from '../../../lifecycle/linger';
import { runEconomy, type Bills } from '../../../simulation/economy';
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

import type { BatchReport } from '../simulation/batch';
import { bundleSimulator } from '../simulation/bundle';
import { withChild } from '../simulation/children';
import type { Benchmark, Measured } from './bench';

/** Our design, and the plain chain. The plain chain shows how much of a call's time is the simulator's own. */
const SUBJECTS = [
  { name: 'ours', plainChain: false, crowded: false },
  { name: 'ours, crowded', plainChain: false, crowded: true },
  { name: 'plain chain', plainChain: true, crowded: false },
] as const;
/** Histories of a round, and before them as many uncounted ones. */
const HISTORIES = 5_000;

/**
 * Each subject runs in a process of its own, one process at a time. Each process first runs uncounted histories, so that
 * node has compiled the code as in a long run.
 */
export const simulator: Benchmark = {
  name: 'simulator',
  description: `Histories of the simulator on one core: ${HISTORIES.toLocaleString('en-US')} a round, after as many to warm up.`,
  rounds: 5,
  async measure(rounds, progress) {
    const bundle = await bundleSimulator();
    const reports = new Map(SUBJECTS.map(({ name }) => [name as string, [] as BatchReport[]]));
    for (let round = 0; round < rounds; round += 1) {
      progress(`round ${round + 1} of ${rounds}`);
      for (const { name, plainChain, crowded } of SUBJECTS) {
        const firstSeed = 1 + round * 2 * HISTORIES;
        const report = await withChild(bundle, async (sendTask) => {
          const batch = (from: number) => {
            const task = { firstSeed: from, histories: HISTORIES, plainChain, crowded };
            return sendTask<BatchReport>({ kind: 'batch', task });
          };
          await batch(firstSeed);
          return batch(firstSeed + HISTORIES);
        });
        reports.get(name)?.push(report);
      }
    }
    return [...reports].flatMap(([name, all]) => lines(name, all));
  },
};

function lines(name: string, all: readonly BatchReport[]): readonly Measured[] {
  const [speed, calls, cost] = ['speed', 'calls', 'time of a call'];
  const beside = name === 'plain chain' ? undefined : 'plain chain';
  const line = (what: string, unit: string, sample: (report: BatchReport) => number): Measured => ({
    name: `${name}: ${what}`,
    unit,
    samples: all.map(sample),
    ...(beside ? { beside: `${beside}: ${what}` } : {}),
  });
  return [
    line(speed, 'histories/s', ({ histories, wallMs }) => (histories / wallMs) * 1000),
    line(calls, 'calls/history', (report) => report.calls / report.histories),
    line(cost, 'µs', ({ cpuMs, calls: count }) => (cpuMs * 1000) / count),
  ];
}

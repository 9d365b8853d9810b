import * as fc from 'fast-check';
import { billOf } from '../../../simulation/billing';
import { clairvoyantBilledMs, patienceMs, restartMs, type KnownJob } from '../../../simulation/clairvoyant';

/** Step of all times and durations in milliseconds, so that a test can try all schedules. */
const STEP_MS = 5_000;

const steps = (least: number, most: number) =>
  fc.integer({ min: least, max: most }).map((count) => count * STEP_MS);

const start = fc.record({
  pendingMs: steps(0, 4),
  bootMs: steps(0, 3),
  registrationMs: steps(0, 2),
  deliveryMs: fc.constant(0),
  checkMs: fc.constant(0),
});

const jobs = fc
  .array(fc.record({ arrivedMs: steps(0, 40), runMs: steps(0, 15), start }), { minLength: 1, maxLength: 5 })
  .map((drawn) => drawn.toSorted((a, b) => a.arrivedMs - b.arrivedMs));

describe('the clairvoyant', () => {
  it('bills as much as the best of all schedules, so that a ratio to it is a ratio to the optimum', () => {
    fc.assert(
      fc.property(jobs, (known) => {
        expect(clairvoyantBilledMs(known)).toBe(bestOfAll(known));
      }),
      { numRuns: 500 },
    );
  });

  it('never bills less than the runs themselves, nor less than the minimum of one start', () => {
    fc.assert(
      fc.property(jobs, (known) => {
        const runsMs = known.reduce((sum, { runMs }) => sum + runMs, 0);
        expect(clairvoyantBilledMs(known)).toBeGreaterThanOrEqual(billOf(runsMs));
      }),
    );
  });

  it('stays on in a pause that is cheaper than a restart, and stops in a longer one', () => {
    const restart = { pendingMs: 0, bootMs: 10_000, registrationMs: 0, deliveryMs: 0, checkMs: 0 };
    const two = (pauseMs: number) => [
      { arrivedMs: 0, runMs: 100_000, start: restart },
      // The first job begins at 10 s and ends at 110 s.
      { arrivedMs: 110_000 + pauseMs, runMs: 100_000, start: restart },
    ];
    expect(clairvoyantBilledMs(two(9_000))).toBe(219_000);
    expect(clairvoyantBilledMs(two(1_000_000))).toBe(220_000);
  });
});

/** Tries every decision: to stay on or to stop after each job, and every time at which the next start may be ready. */
function bestOfAll(known: readonly KnownJob[]): number {
  const off = (next: number, stoppedMs: number): number => {
    const job = known[next];
    if (!job) return 0;
    let best = Infinity;
    const earliest = Math.max(job.arrivedMs, stoppedMs + restartMs(job.start));
    for (let begins = earliest; begins <= job.arrivedMs + patienceMs(job.start); begins += STEP_MS) {
      best = Math.min(best, on(next, begins, begins - restartMs(job.start)));
    }
    return best;
  };
  const on = (index: number, beginsMs: number, runningSinceMs: number): number => {
    const endsMs = beginsMs + (known[index]?.runMs ?? 0);
    const stops = billOf(endsMs - runningSinceMs) + off(index + 1, endsMs);
    const next = known[index + 1];
    return next ? Math.min(stops, on(index + 1, Math.max(endsMs, next.arrivedMs), runningSinceMs)) : stops;
  };
  return off(0, -Infinity);
}

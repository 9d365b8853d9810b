import { Random } from '../../simulation/random';
import { drawStart, type Workload } from '../../simulation/workloads';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DAYS = 30;

/** Draws hundreds of uploads in thirty days, most of them in office hours of working days. Some arrive within one minute. */
export function drawMonth(seed: number): Workload {
  const luck = new Random(seed, 12);
  const arrivals: number[] = [];
  for (let day = 0; day < DAYS; day += 1) {
    const occasions = day % 7 < 5 ? luck.between(3, 9) : luck.between(0, 1);
    for (let occasion = 0; occasion < occasions; occasion += 1) {
      const at = day * DAY + (luck.chance(0.9) ? luck.between(8 * HOUR, 18 * HOUR) : luck.between(0, DAY));
      const together = luck.pick([1, 1, 1, 2, 5]);
      for (let upload = 0; upload < together; upload += 1) arrivals.push(at + luck.between(0, MINUTE));
    }
  }
  return {
    kind: 'a month',
    seed,
    windowMs: DAYS * DAY,
    jobs: arrivals
      .sort((a, b) => a - b)
      .map((arrivesMs) => ({
        arrivesMs,
        runMs: luck.spread(5 * SECOND, 10 * MINUTE),
        start: drawStart(luck),
      })),
    chaseMs: undefined,
  };
}

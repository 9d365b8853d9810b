import { type Workload, usageOf } from '../../../../scripts/prices/usage';

const work: Workload = {
  jobsPerDay: 4,
  jobsAtOnce: 1,
  jobMinutes: 15,
  hoursADay: 24,
  bootSeconds: 9,
  otherSeconds: 5,
  lingerSeconds: 30,
};

/** Random numbers from 0 to 1, the same in each run (mulberry32). */
function luck(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Simulates the same workload, upload by upload. */
function played(
  { jobsPerDay, jobsAtOnce, jobMinutes, bootSeconds, otherSeconds, lingerSeconds }: Workload,
  jobs: number,
) {
  const random = luck(7);
  const gapSeconds = (86_400 / jobsPerDay) * jobsAtOnce;
  const batchSeconds = jobMinutes * 60 * jobsAtOnce;
  let now = 0;
  let starts = 0;
  let onSeconds = 0;
  let busyUntil = -Infinity;
  let began = 0;
  for (let job = 0; job < jobs; job += jobsAtOnce) {
    now += -Math.log(1 - random()) * gapSeconds;
    if (now <= busyUntil + lingerSeconds) busyUntil = Math.max(now, busyUntil) + batchSeconds;
    else {
      if (starts > 0) onSeconds += busyUntil + lingerSeconds - began;
      starts += 1;
      began = now;
      busyUntil = now + bootSeconds + otherSeconds + batchSeconds;
    }
  }
  const days = now / 86_400;
  return { startsPerDay: starts / days, hoursPerDay: onSeconds / 3600 / days };
}

describe('the billed hours of a workload', () => {
  it.each([
    ['few long ones', {}],
    ['many short ones', { jobsPerDay: 300, jobMinutes: 2 }],
    ['nearly all day', { jobsPerDay: 80, jobMinutes: 15 }],
    ['in batches', { jobsPerDay: 40, jobMinutes: 5, jobsAtOnce: 8 }],
    ['a long linger', { jobsPerDay: 100, jobMinutes: 1, lingerSeconds: 600 }],
  ])('are those of the same uploads played through one by one: %s', (_, changed) => {
    const one = { ...work, ...changed };
    const usage = usageOf(one);
    const { startsPerDay, hoursPerDay } = played(one, 200_000);
    expect(usage.startsPerDay / startsPerDay).toBeCloseTo(1, 1);
    expect(Math.abs(usage.billedHoursPerDay / hoursPerDay - 1)).toBeLessThan(0.02);
  });

  it('are at least a minute for each start', () => {
    const { startsPerDay, billedHoursPerDay } = usageOf({ ...work, jobsPerDay: 1, jobMinutes: 0.1 });
    expect(billedHoursPerDay).toBeCloseTo((startsPerDay * 60) / 3600, 9);
  });

  it('are at most 24 a day, and a workload that does not fit is marked', () => {
    const usage = usageOf({ ...work, jobsPerDay: 100 });
    expect(usage).toMatchObject({ billedHoursPerDay: 24, isTooMuch: true });
  });

  it('continue after the hours of the uploads, if the work does not fit into these', () => {
    const usage = usageOf({ ...work, jobsPerDay: 40, hoursADay: 8 });
    expect(usage).toMatchObject({ billedHoursPerDay: 10, startsPerDay: 1, isTooMuch: false });
  });

  it('are zero without jobs', () => {
    expect(usageOf({ ...work, jobsPerDay: 0 }).billedHoursPerDay).toBe(0);
  });
});

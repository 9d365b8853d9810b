import * as fc from 'fast-check';
import { apportion, billsOf } from '../../../lifecycle/bill';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const at = (seconds: number) => new Date(T0 + seconds * 1000).toISOString();
const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);

const seconds = fc.integer({ min: 0, max: 5_000 });
const job = fc.record({
  bootSeconds: seconds,
  idleSeconds: seconds,
  runSeconds: seconds,
  hasBill: fc.boolean(),
});
/** Consecutive sessions with jobs. The receipts' seconds may exceed the session's. */
const months = fc
  .array(
    fc.record({
      offSeconds: fc.integer({ min: 20, max: 10_000 }),
      onSeconds: fc.integer({ min: 60, max: 20_000 }),
      end: fc.constantFrom('known', 'approximate', 'unknown'),
      jobs: fc.array(job, { maxLength: 7 }),
    }),
    { maxLength: 8 },
  )
  .map((drawn) => {
    let now = 0;
    const parts = drawn.map(({ offSeconds, onSeconds, end, jobs }, session) => {
      const launchedAt = at(now + offSeconds);
      now += offSeconds + onSeconds;
      const receipts = jobs.map(({ hasBill, ...bill }, index) => ({
        jobId: `${session}-${index}`,
        endedAt: at(now - 20 + index),
        ...(hasBill && { bill: { session: at(now - onSeconds + 15), ...bill } }),
      }));
      const stopped = end === 'unknown' ? {} : { stoppedAt: at(now) };
      return {
        session: { launchedAt, ...stopped, ...(end === 'approximate' && { approximate: true as const }) },
        receipts,
      };
    });
    return {
      sessions: parts.map(({ session }) => session),
      receipts: parts.flatMap(({ receipts }) => receipts),
    };
  });

describe('billsOf', () => {
  it('divides every second and every millionth of a dollar, for any set of records', () => {
    fc.assert(
      fc.property(
        months,
        fc.double({ min: 0.001, max: 100, noNaN: true }),
        ({ sessions, receipts }, price) => {
          const bills = billsOf(sessions, receipts, price);
          expect(bills.map(({ launchedAt }) => launchedAt)).toEqual(
            sessions.map(({ launchedAt }) => launchedAt),
          );
          for (const {
            jobs,
            onSeconds,
            tailSeconds,
            microUsd,
            stoppedAt,
            launchedAt,
            approximate,
          } of bills) {
            if (!approximate && stoppedAt !== undefined) {
              expect(onSeconds).toBe((Date.parse(stoppedAt) - Date.parse(launchedAt ?? '')) / 1000);
            }
            if (jobs.length === 0) continue;
            expect(sum(jobs.map((line) => line.onSeconds))).toBe(onSeconds);
            expect(sum(jobs.map((line) => line.tailSeconds))).toBe(tailSeconds);
            expect(sum(jobs.map((line) => line.microUsd ?? NaN))).toBe(microUsd);
            for (const line of jobs) {
              expect(line.bootSeconds + line.idleSeconds + line.runSeconds + line.tailSeconds).toBe(
                line.onSeconds,
              );
            }
          }
          // Every job is billed exactly once.
          const billed = bills.flatMap(({ jobs }) => jobs.map(({ jobId }) => jobId));
          expect(billed.sort()).toEqual(receipts.map(({ jobId }) => jobId).sort());
        },
      ),
      { numRuns: 300 },
    );
  });

  it('divides the tail equally, its remainder to the jobs that ended first, and the money by seconds', () => {
    const bill = (bootSeconds: number, idleSeconds: number, runSeconds: number) => ({
      session: at(20),
      bootSeconds,
      idleSeconds,
      runSeconds,
    });
    const [session] = billsOf(
      [{ launchedAt: at(0), stoppedAt: at(300) }],
      [
        { jobId: 'b', endedAt: at(200), bill: bill(0, 10, 90) },
        { jobId: 'a', endedAt: at(100), bill: bill(30, 0, 50) },
        { jobId: 'c', endedAt: at(210) },
      ],
      3.6,
    );
    expect(session).toMatchObject({
      onSeconds: 300,
      tailSeconds: 120,
      // The machine booted 20 s after its launch.
      billedSeconds: 280,
      microUsd: 280_000,
      approximate: false,
    });
    expect(
      session?.jobs.map(({ jobId, tailSeconds, onSeconds, microUsd }) => [
        jobId,
        tailSeconds,
        onSeconds,
        microUsd,
      ]),
    ).toEqual([
      ['a', 40, 120, 112_000],
      ['b', 40, 140, 130_667],
      ['c', 40, 40, 37_333],
    ]);
    expect(apportion(5, [1, 1, 1])).toEqual([2, 2, 1]);
  });

  it('does not bill a job without a session record to the session before it', () => {
    const bills = billsOf(
      [{ launchedAt: at(0), stoppedAt: at(300) }],
      [
        {
          jobId: 'a',
          endedAt: at(900),
          bill: { session: at(800), bootSeconds: 5, idleSeconds: 0, runSeconds: 60 },
        },
      ],
    );
    expect(
      bills.map(({ launchedAt, approximate, onSeconds, jobs }) => [
        launchedAt,
        approximate,
        onSeconds,
        jobs.length,
      ]),
    ).toEqual([
      [at(0), false, 300, 0],
      [undefined, true, 65, 1],
    ]);
  });

  it('bills at least a minute, and bills a session without receipts from its launch', () => {
    const [short, silent] = billsOf(
      [
        { launchedAt: at(0), stoppedAt: at(40) },
        { launchedAt: at(900), stoppedAt: at(1_000) },
      ],
      [
        {
          jobId: 'a',
          endedAt: at(30),
          bill: { session: at(15), bootSeconds: 5, idleSeconds: 0, runSeconds: 8 },
        },
      ],
      3.6,
    );
    expect(short).toMatchObject({ onSeconds: 40, billedSeconds: 60, microUsd: 60_000 });
    expect(short?.jobs).toMatchObject([{ onSeconds: 40, microUsd: 60_000 }]);
    expect(silent).toMatchObject({ onSeconds: 100, billedSeconds: 100 });
  });

  it('bills the seconds so far of a session that is still on', () => {
    const [session] = billsOf(
      [{ launchedAt: at(0) }],
      [
        {
          jobId: 'a',
          endedAt: at(90),
          bill: { session: at(20), bootSeconds: 5, idleSeconds: 0, runSeconds: 60 },
        },
      ],
    );
    expect(session).toMatchObject({
      stoppedAt: undefined,
      onSeconds: 65,
      tailSeconds: 0,
      microUsd: undefined,
    });
  });
});

describe('apportion', () => {
  it('gives whole shares that sum exactly, each less than one away from the exact share', () => {
    const weights = fc.array(fc.nat(1e9), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.nat(1e12), weights, (total, weights) => {
        const shares = apportion(total, weights);
        expect(sum(shares)).toBe(total);
        const all = sum(weights);
        if (all === 0) return;
        shares.forEach((share, index) => {
          const roundedDown = (BigInt(total) * BigInt(weights[index] ?? 0)) / BigInt(all);
          expect([Number(roundedDown), Number(roundedDown) + 1]).toContain(share);
        });
      }),
    );
  });
});

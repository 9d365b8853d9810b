import { billsOf } from '../../../lifecycle/bill';
import { hourPrice, loadPrices } from '../../../scripts/prices/prices';
import { TYPICAL, usageOf } from '../../../scripts/prices/usage';
import { factsOf } from '../../../scripts/report/facts';
import type { Fault } from '../../../simulation/faults';
import { runHistory, type HistoryOptions } from '../../../simulation/history';
import { BEGINNING } from '../../../simulation/history-result';
import { drawMonth } from '../../support/month';
import { DAY_MS, readings } from '../../support/report-readings';

/** Faults on the machine. No event is lost. */
const RESTARTS: readonly Fault[] = [
  'model fails',
  'model hangs',
  'model writes nothing',
  'instance reboots',
  'drain killed',
  'drain dies at a call',
];

/** Faults of models, machines and drains, and events that are lost, late or doubled. */
const MONTH_FAULTS: readonly Fault[] = [
  'model fails',
  'model hangs',
  'model writes nothing',
  'instance crashes',
  'instance reboots',
  'spot interruption',
  'person stops it',
  'drain killed',
  'drain dies at a call',
  'answer lost',
  'call failed',
  'start falls back',
  'slow boot',
  'describe stale',
  'clocks differ',
  'state event lost',
  'state event late',
  'state event twice',
  'command again after boot',
];

const secondOf = (milliseconds: number) => Math.floor(milliseconds / 1000);

async function month(options: Omit<HistoryOptions, 'workload'>) {
  const result = await runHistory({ ...options, workload: drawMonth(options.seed), lingerSeconds: 30 });
  expect(result.violation).toBeUndefined();
  const [sessions, receipts] = [result.sessions(), result.receipts()];
  const bills = billsOf(sessions, receipts, 0.0432);
  const billed = bills.flatMap(({ jobs }) => jobs);
  // Each job is on exactly one bill.
  expect(billed.map(({ jobId }) => jobId).sort()).toEqual(receipts.map(({ jobId }) => jobId).sort());
  for (const { jobs, onSeconds, tailSeconds, microUsd } of bills) {
    if (jobs.length === 0) {
      expect(tailSeconds).toBe(onSeconds);
      continue;
    }
    expect(sum(jobs.map((job) => job.onSeconds))).toBe(onSeconds);
    expect(sum(jobs.map((job) => job.tailSeconds))).toBe(tailSeconds);
    expect(sum(jobs.map((job) => job.microUsd ?? NaN))).toBe(microUsd);
  }
  const truth = result.onTimes.map(({ from, to }) => ({
    launchedAt: new Date(secondOf(from) * 1000).toISOString(),
    seconds: secondOf(to) - secondOf(from),
  }));
  return { ...result, sessions, receipts, bills, truth };
}

const DAYS = 30;
const USD_PER_HOUR = hourPrice(loadPrices(), 'eu-central-1', 't3.medium') ?? NaN;

/** The cost of the month in the report, and the estimate for the same work. In US dollars. */
function reportedAndEstimated(seed: number, { sessions, receipts }: Awaited<ReturnType<typeof month>>) {
  const report = factsOf({
    ...readings,
    sessions,
    receipts,
    sinceMs: BEGINNING,
    nowMs: BEGINNING + (DAYS + 1) * DAY_MS,
    usdPerHour: USD_PER_HOUR,
  });
  const { jobs } = drawMonth(seed);
  const { billedHoursPerDay } = usageOf({
    jobsPerDay: jobs.length / DAYS,
    // The average number of uploads that arrive together.
    jobsAtOnce: 2,
    jobMinutes: sum(receipts.map(({ bill }) => bill?.runSeconds ?? 0)) / receipts.length / 60,
    // Office hours, on five days of seven.
    hoursADay: (10 * 5) / 7,
    ...TYPICAL,
    lingerSeconds: 30,
  });
  return { reported: report.onUsd ?? NaN, estimated: billedHoursPerDay * DAYS * USD_PER_HOUR };
}

describe('the bills of a month', () => {
  /** The month without faults, which two tests use. */
  let quiet: ReturnType<typeof month>;
  beforeAll(() => (quiet = month({ seed: 1 })), 60_000);

  it("sum to the on-time of the instance, to the second, and contain each job's own run", async () => {
    const { sessions, receipts, bills, truth } = await quiet;
    expect(receipts.length).toBeGreaterThan(250);
    expect(sessions.length).toBeGreaterThan(80);
    expect(bills.map(({ launchedAt, onSeconds }) => ({ launchedAt, seconds: onSeconds }))).toEqual(truth);
    expect(bills.filter(({ approximate }) => approximate)).toEqual([]);
    // The stop function's sessions and the receipts agree.
    expect(sessions.map(({ tailSeconds }) => tailSeconds)).toEqual(bills.map((bill) => bill.tailSeconds));

    const runSeconds = bills.flatMap(({ jobs }) => jobs.map((job) => job.runSeconds)).sort(byNumber);
    const asked = drawMonth(1)
      .jobs.map(({ runMs }) => runMs / 1000)
      .sort(byNumber);
    // The calls of a run and the rounding of its two ends take a few seconds.
    asked.forEach((seconds, index) => {
      expect(runSeconds[index]).toBeGreaterThan(seconds - 2);
      expect(runSeconds[index]).toBeLessThan(seconds + 8);
    });
    for (const { jobs } of bills) {
      expect(jobs.map(({ bootSeconds }) => bootSeconds > 0)).toEqual(jobs.map((_job, index) => index === 0));
    }
  }, 60_000);

  it.each([
    ['nothing goes wrong', 1, []],
    ['models fail and the instance crashes', 3, ['model fails', 'model writes nothing', 'instance crashes']],
  ] as const)(
    'are within 5 %% of the estimate for the same work, if %s',
    async (_, seed, faults) => {
      const result = await (faults.length === 0 ? quiet : month({ seed, faults }));
      expect(result.injected.size).toBe(faults.length);
      const { reported, estimated } = reportedAndEstimated(seed, result);
      expect(estimated / reported).toBeGreaterThan(0.95);
      expect(estimated / reported).toBeLessThan(1.05);
    },
    60_000,
  );

  it('sum to the second if models fail, drains die and the machine reboots, with two parallel jobs', async () => {
    const { bills, truth, failed, injected } = await month({ seed: 2, parallelJobs: 2, faults: RESTARTS });
    expect([...injected.keys()].sort()).toEqual([...RESTARTS].sort());
    expect(failed).toBeGreaterThan(20);
    expect(bills.map(({ launchedAt }) => launchedAt)).toEqual(truth.map(({ launchedAt }) => launchedAt));
    bills.forEach(({ onSeconds, approximate }, index) => {
      const late = onSeconds - (truth[index]?.seconds ?? NaN);
      // EC2 gives no time when the machine switches itself off. The end is then the time of the `stopped` event.
      expect(late).toBeGreaterThanOrEqual(0);
      expect(late).toBeLessThanOrEqual(approximate ? 65 : 0);
    });
  }, 60_000);

  it('sum to the second under faults of models, machines and events, if EC2 gave the time of the stop', async () => {
    const { failed, injected, bills, truth, receipts } = await month({
      seed: 3,
      faults: MONTH_FAULTS,
      parallelJobs: 2,
    });
    expect(receipts.length).toBeGreaterThan(200);
    expect(failed).toBeGreaterThan(20);
    expect([...injected.keys()].sort()).toEqual([...MONTH_FAULTS].sort());

    const onSeconds = new Map(truth.map(({ launchedAt, seconds }) => [launchedAt, seconds]));
    const known = bills.filter(({ launchedAt }) => launchedAt !== undefined);
    expect(bills.length - known.length).toBeLessThan(truth.length / 50);
    const exact = known.filter(({ approximate }) => !approximate);
    // EC2 gives no time when a start falls back, and when it interrupts the instance.
    expect(exact.length).toBeGreaterThan(truth.length / 5);
    for (const bill of exact) expect(bill.onSeconds).toBe(onSeconds.get(bill.launchedAt ?? ''));
    // The end is recorded after the stop, by clocks that may be three seconds off.
    for (const bill of known.filter(({ stoppedAt }) => stoppedAt !== undefined)) {
      expect(bill.onSeconds).toBeGreaterThanOrEqual((onSeconds.get(bill.launchedAt ?? '') ?? NaN) - 3);
    }
  }, 60_000);
});

function byNumber(a: number, b: number): number {
  return a - b;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

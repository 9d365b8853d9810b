import type { EndCause, EndedAttempts } from '../../../../lifecycle/records';
import { type Readings, factsOf } from '../../../../scripts/report/facts';
import { logUrl } from '../../../../scripts/report/links';
import { periodMs } from '../../../../scripts/report/period';
import { DAY_MS, HOUR_MS, MINUTE_MS, NOW_MS, iso, readings, receipt } from '../../../support/report-readings';

const at = (text: string) => Date.parse(`2026-03-${text}:00.000Z`);
const facts = (changes: Partial<Readings>) => factsOf({ ...readings, ...changes });

describe('on-time', () => {
  const job = receipt('a', at('30T10:00'), MINUTE_MS, 10 * MINUTE_MS);

  it('is a session from its launch to its stop, boot and stop included', () => {
    const { onMs, estimatedMs, jobFreeMs } = facts({
      receipts: [job],
      sessions: [{ launchedAt: iso(at('30T10:00')), stoppedAt: iso(at('30T10:15')) }],
    });
    expect(onMs).toBe(15 * MINUTE_MS);
    expect(estimatedMs).toBe(0);
    expect(jobFreeMs).toBe(5 * MINUTE_MS);
  });

  it('is estimated from receipts if there is no session, and is marked as estimated', () => {
    const { onMs, estimatedMs, onTimes } = facts({ receipts: [job] });
    expect(onMs).toBe(10 * MINUTE_MS);
    expect(estimatedMs).toBe(10 * MINUTE_MS);
    expect(onTimes).toEqual([{ kind: 'estimated', fromMs: at('30T10:01'), toMs: at('30T10:11') }]);
  });

  it('counts the time between two jobs of one boot, but not between two boots', () => {
    const later = (bootId: string) =>
      receipt('b', at('30T11:00'), 0, 10 * MINUTE_MS, { instance: { bootId } });
    expect(facts({ receipts: [job, later('boot-a')] }).onMs).toBe(69 * MINUTE_MS);
    expect(facts({ receipts: [job, later('another')] }).onMs).toBe(20 * MINUTE_MS);
  });

  it('counts a moment once, even if two sessions cover it', () => {
    const { onMs, onTimes } = facts({
      receipts: [job],
      sessions: [
        { launchedAt: iso(at('30T10:00')), stoppedAt: iso(at('30T10:15')) },
        { launchedAt: iso(at('30T10:10')), stoppedAt: iso(at('30T10:20')), approximate: true },
      ],
    });
    expect(onMs).toBe(20 * MINUTE_MS);
    expect(onTimes.map(({ kind }) => kind)).toEqual(['recorded', 'approximate']);
  });

  it('of an instance that is on lasts until now', () => {
    const launchedAtMs = NOW_MS - 3 * MINUTE_MS;
    const instance = { isOn: true, launchedAtMs, type: 't3.medium', isSpot: false };
    expect(facts({ instance }).onMs).toBe(3 * MINUTE_MS);
    expect(facts({ instance, sessions: [{ launchedAt: iso(launchedAtMs) }] }).onMs).toBe(3 * MINUTE_MS);
  });

  it('of a session without a recorded end lasts until its last receipt, not until today', () => {
    const { onTimes } = facts({ receipts: [job], sessions: [{ launchedAt: iso(at('30T10:00')) }] });
    expect(onTimes).toEqual([{ kind: 'approximate', fromMs: at('30T10:00'), toMs: at('30T10:11') }]);
  });

  it('is cut at the beginning of the period', () => {
    const { onMs } = facts({
      sessions: [
        { launchedAt: iso(readings.sinceMs - HOUR_MS), stoppedAt: iso(readings.sinceMs + MINUTE_MS) },
      ],
    });
    expect(onMs).toBe(MINUTE_MS);
  });
});

describe('money saved', () => {
  const sessions = [{ launchedAt: iso(at('30T00:00')), stoppedAt: iso(at('30T10:00')) }];

  it('is the always-on price minus the price of the on-time', () => {
    const { onUsd, alwaysOnUsd, savedUsd, savedShare } = facts({ sessions });
    expect(onUsd).toBeCloseTo(0.48, 10);
    expect(alwaysOnUsd).toBeCloseTo(720 * 0.048, 10);
    expect(savedUsd).toBeCloseTo(710 * 0.048, 10);
    expect(savedShare).toBeCloseTo(710 / 720, 10);
  });

  it('does not include the time before the pipeline’s first work', () => {
    const { period, alwaysOnMs } = facts({ sessions, hasEarlier: false });
    expect(period.fromMs).toBe(at('30T00:00'));
    expect(alwaysOnMs).toBe(36 * HOUR_MS);
  });

  it('is not guessed for a type without a price: the report has hours only', () => {
    const { onUsd, savedUsd, savedShare } = facts({ sessions, usdPerHour: undefined });
    expect(onUsd).toBeUndefined();
    expect(savedUsd).toBeUndefined();
    expect(savedShare).toBeCloseTo(710 / 720, 10);
  });
});

it('a session over midnight counts on each of its two days', () => {
  const sessions = [{ launchedAt: iso(at('28T23:30')), stoppedAt: iso(at('29T01:00')) }];
  const { days } = facts({ sessions });
  expect(days).toHaveLength(31);
  expect(days.reduce((sum, { alwaysOnMs }) => sum + alwaysOnMs, 0)).toBe(30 * DAY_MS);
  const on = days.filter(({ onMs }) => onMs > 0).map(({ day, onMs }) => [day, onMs / MINUTE_MS]);
  expect(on).toEqual([
    ['2026-03-28', 30],
    ['2026-03-29', 60],
  ]);
});

it('waiting lasts from the upload to the start, running from the start to the end; a job that never began counts in neither', () => {
  const never = receipt('n', at('30T10:00'), 0, MINUTE_MS, {
    outcome: 'failed',
    claimedAt: undefined,
    startedAt: undefined,
  });
  const waits = [5_000, 20_000, 40_000, 90_000].map((waitMs, index) =>
    receipt(`w${index}`, at('30T10:00'), waitMs, 2 * MINUTE_MS),
  );
  const { waiting, running, failures } = facts({ receipts: [...waits, never] });
  expect(waiting).toEqual({
    count: 4,
    medianMs: 20_000,
    ninetiethMs: 90_000,
    longestMs: 90_000,
    bins: [1, 1, 1, 1, 0, 0, 0, 0],
  });
  expect(running).toMatchObject({ count: 4, medianMs: 2 * MINUTE_MS, bins: [0, 0, 0, 0, 4, 0, 0, 0] });
  expect(failures.map(({ key }) => key)).toEqual(['raw/n.csv']);
});

describe('the jobs that have cost most', () => {
  it('jobs that ran at the same time share that time, so their sum is the machine’s cost', () => {
    const { jobs } = facts({
      receipts: [
        receipt('a', at('30T10:00'), 0, 10 * MINUTE_MS),
        receipt('b', at('30T10:05'), 0, 10 * MINUTE_MS),
      ],
    });
    expect(jobs.map(({ key, costMs }) => [key, costMs / MINUTE_MS])).toEqual([
      ['raw/b.csv', 7.5],
      ['raw/a.csv', 7.5],
    ]);
  });

  it('a bill in the receipt counts, and an estimate only without one; the largest comes first', () => {
    const bill = { session: iso(at('30T11:00')), bootSeconds: 60, idleSeconds: 120, runSeconds: 600 };
    const { spenders, models } = facts({
      receipts: [
        receipt('a', at('30T10:00'), 0, 12 * MINUTE_MS),
        receipt('b', at('30T11:00'), 0, 10 * MINUTE_MS, { bill, model: { name: 'other' } }),
      ],
    });
    expect(spenders.map(({ key, costMs, isCostEstimated }) => [key, costMs, isCostEstimated])).toEqual([
      ['raw/b.csv', 780_000, false],
      ['raw/a.csv', 720_000, true],
    ]);
    expect(spenders[0]?.costUsd).toBeCloseTo((780 / 3600) * 0.048, 10);
    expect(models.map(({ model, costMs }) => [model, costMs])).toEqual([
      ['other', 780_000],
      ['breast-cancer', 720_000],
    ]);
  });
});

it('the jobs of a whole session share all of its on-time and price, to the millionth of a dollar', () => {
  const launchedAtMs = at('30T10:00');
  const bill = (bootSeconds: number, runSeconds: number) => ({
    ...{ session: iso(launchedAtMs + 15_000), bootSeconds, idleSeconds: 0, runSeconds },
  });
  const { onMs, billedMs, onUsd, jobs } = facts({
    sessions: [{ launchedAt: iso(launchedAtMs), stoppedAt: iso(launchedAtMs + 10 * MINUTE_MS) }],
    receipts: [
      receipt('a', launchedAtMs, 30_000, 2 * MINUTE_MS, { bill: bill(20, 121) }),
      receipt('b', launchedAtMs, 180_000, 5 * MINUTE_MS, { bill: bill(0, 303) }),
    ],
  });
  expect(onMs).toBe(10 * MINUTE_MS);
  expect(billedMs).toBe(onMs - 15_000);
  expect(jobs.reduce((sum, { costMs }) => sum + costMs, 0)).toBe(onMs);
  expect(jobs.reduce((sum, { costUsd = NaN }) => sum + costUsd, 0)).toBeCloseTo(onUsd ?? NaN, 6);
  expect(onUsd).toBeCloseTo((585 / 3600) * 0.048, 10);
});

it('failures are counted by kind, the most frequent kind first', () => {
  const failed = (name: string, kind: string) =>
    receipt(name, at('30T10:00'), 0, 1_000, { outcome: 'failed', error: { kind, message: 'm' } });
  const { failureKinds } = facts({
    receipts: [failed('a', 'time-limit'), failed('b', 'model-failed'), failed('c', 'model-failed')],
  });
  expect(failureKinds).toEqual([
    { kind: 'model-failed', count: 2 },
    { kind: 'time-limit', count: 1 },
  ]);
});

describe('interruptions', () => {
  const end = (attempt: number, cause: EndCause, why: string, minute = attempt): EndedAttempts => ({
    ...{ first: attempt, last: attempt, cause, why, at: iso(at('30T10:00') + minute * MINUTE_MS) },
  });
  const interrupted = (name: string, ...endedAttempts: EndedAttempts[]) =>
    receipt(name, at('30T10:00'), 0, HOUR_MS, { endedAttempts, attempt: endedAttempts.length + 1 });

  it('are counted apart from failures, and by what ended the attempts', () => {
    const { interruptions, failures, jobs } = facts({
      receipts: [
        interrupted('a', end(1, 'machine', 'spot'), end(2, 'model', 'exit 1'), end(3, 'weather', 'S3 503')),
        interrupted('b', end(1, 'machine', 'rebooted', 30)),
        receipt('c', at('30T10:00'), 0, HOUR_MS),
      ],
    });
    expect(interruptions).toEqual({
      count: 3,
      jobs: 2,
      causes: [
        { cause: 'machine', count: 2, jobs: 2, lastWhy: 'rebooted' },
        { cause: 'weather', count: 1, jobs: 1, lastWhy: 'S3 503' },
      ],
    });
    expect(failures).toEqual([]);
    expect(jobs.map((job) => [job.failures, job.interruptions]).sort()).toEqual([
      [0, 0],
      [0, 1],
      [1, 2],
    ]);
  });

  it('are none when the model alone ended attempts', () => {
    const { interruptions } = facts({ receipts: [interrupted('a', end(1, 'model', 'exit 1'))] });
    expect(interruptions).toEqual({ count: 0, jobs: 0, causes: [] });
  });
});

it('a failure’s link opens its own lines in the CloudWatch console', () => {
  const job = { jobId: 'ab', cameMs: 1_000_000, endedMs: 2_000_000 };
  expect(logUrl('eu-central-1', '/lamplighter/p/drain', job)).toBe(
    'https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1' +
      '#logsV2:log-groups/log-group/$252Flamplighter$252Fp$252Fdrain/log-events' +
      '$3FfilterPattern$3D$2522ab$2522$26start$3D700000$26end$3D2300000',
  );
  expect(logUrl('cn-north-1', '/g', job)).toMatch(/^https:\/\/cn-north-1\.console\.amazonaws\.cn\//);
});

it.each([
  ['12h', 12 * HOUR_MS],
  ['30d', 30 * DAY_MS],
  ['8w', 56 * DAY_MS],
])('--since %s is accepted', (text, ms) => expect(periodMs(text)).toBe(ms));

it.each(['30', 'd', '0d', '-3d', '1.5d', '401d', '30 d'])(
  '--since %s is refused, and the error has examples',
  (text) => expect(() => periodMs(text)).toThrow('12h, 30d, 8w'),
);

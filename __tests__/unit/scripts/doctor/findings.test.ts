import type { EndCause, EndedAttempts, Shortage } from '../../../../lifecycle/records';
import type { Facts, OpenJob } from '../../../../scripts/doctor/facts';
import { FINDING_NAMES, type FindingName, findings } from '../../../../scripts/doctor/findings';
import { claim, gate, job, manifest, minutesAgo, now, off, on, record, well, withJobs } from './well';

const secondsAgo = (seconds: number) => new Date(now - seconds * 1000);
const online = { pingStatus: 'Online', lastPing: minutesAgo(1) };

/** An instance that was started that long ago, with an agent that reports. */
const onFor = (seconds: number, more: Partial<Facts> = {}): Facts => ({
  ...well,
  ...{ instance: { ...on, launchTime: secondsAgo(seconds) }, agent: online, trace: 'none' },
  ...more,
});

const gateIs = (more: Partial<typeof gate>): Pick<Facts, 'gate'> => ({
  gate: { gate: { ...gate, ...more }, trouble: undefined },
});

const closingFor = (seconds: number): Facts => ({
  ...well,
  ...gateIs({ state: 'CLOSING', since: secondsAgo(seconds).toISOString() }),
});

const drainThat = (status: string, requestedAt = minutesAgo(10)): Facts => ({
  ...well,
  lastDrain: { commandId: 'c', status, requestedAt },
});

type Death = NonNullable<EndedAttempts['death']>;

/** What a job's attempts ended by, the first attempt first. */
const interrupted = (...ends: readonly (EndCause | `machine ${Death}`)[]): OpenJob['attempts'] => ({
  record: {
    ...{ version: 1, jobId: 'b'.repeat(64), nonce: 'n' },
    ended: ends.map((end, index) => {
      const [cause, ...death] = end.split(' ');
      const mine = { first: index + 1, last: index + 1, cause: cause as EndCause, why: `why ${index + 1}` };
      const at = workedAt.toISOString();
      return { ...mine, at, ...(death.length > 0 && { death: death.join(' ') as Death }) };
    }),
  },
});

/** The trace of `well` is 50 minutes old. */
const workedAt = minutesAgo(50);

const waiting = (seconds: number, more: Partial<OpenJob> = {}, facts: Partial<Facts> = {}): Facts =>
  withJobs(facts, job({ open: record, openSince: secondsAgo(seconds), ...more }));

const open = (more: Partial<OpenJob>, facts: Partial<Facts> = {}): Facts => waiting(60, more, facts);

const withClaimsOf = (...claimsWithoutJob: string[]): Facts => ({
  ...well,
  open: { count: 0, isCountWhole: true, jobs: [], claimsWithoutJob },
});

const shortage: Shortage = {
  ...{ version: 1, code: 'VcpuLimitExceeded', message: 'current vCPU limit of 32', nonce: 'n' },
  ...{ since: minutesAgo(20).toISOString(), at: minutesAgo(1).toISOString(), refusals: 3 },
};

const jobId = 'c'.repeat(64);
const lost = { jobId, key: 'a.csv', versionId: 'v', uploadedAt: minutesAgo(60) };
const failed = { jobId, key: 'a.csv', endedAt: 'then', why: 'exit 1' };

interface Row {
  readonly name: FindingName;
  /** What the row is about, if its finding has several. */
  readonly limit?: string;
  /** Facts just below the limit: no finding. */
  readonly below: Facts;
  /** Facts just above it. */
  readonly above: Facts;
  /** In the finding's text. */
  readonly what: RegExp;
}

// The manifest: a sweep in 5 minutes, a stop within 120 s, no linger.
const rows: readonly Row[] = [
  {
    name: 'no-instance',
    below: { ...well, instance: undefined },
    above: { ...well, instance: 'gone' },
    what: /^The instance i-1 does not exist/,
  },
  {
    name: 'breaker-tripped',
    below: { ...well, instance: { ...off, pause: 'ada: the breaker' } },
    above: { ...well, instance: { ...off, pause: 'breaker, now' } },
    what: /breaker.*\(breaker, now\)\. 0 jobs wait\.$/,
  },
  {
    name: 'paused',
    below: { ...well, instance: { ...off, pause: 'breaker, now' } },
    above: { ...waiting(60), instance: { ...off, pause: 'ada: the breaker' } },
    what: /paused: ada: the breaker\. 1 job waits\.$/,
  },
  {
    name: 'no-capacity',
    below: { ...waiting(60), shortage, instance: on },
    above: { ...waiting(60), shortage, instance: off },
    what: /not started the instance \(3 times, for 20 min.*VcpuLimitExceeded: .*limit of 32.*\. 1 job waits\.$/,
  },
  {
    name: 'held',
    below: { ...well, instance: off },
    above: { ...well, instance: { ...off, hold: 'ada' } },
    what: /\(ada\).*It is stopped\.$/,
  },
  {
    // 5 × 60 + 120 + 30
    name: 'on-with-nothing-open',
    below: onFor(450),
    above: onFor(451),
    what: /7 min/,
  },
  {
    name: 'on-with-nothing-open',
    limit: 'after the linger',
    below: onFor(450 + 600, { manifest: { ...manifest, lingerSeconds: 600 } }),
    above: onFor(450 + 601, { manifest: { ...manifest, lingerSeconds: 600 } }),
    what: /17 min/,
  },
  {
    name: 'on-with-nothing-open',
    limit: 'since the last work',
    below: onFor(3600, { trace: { ...(well.trace as object), at: secondsAgo(450).toISOString() } as never }),
    above: onFor(3600, { trace: { ...(well.trace as object), at: secondsAgo(451).toISOString() } as never }),
    what: /7 min/,
  },
  {
    name: 'on-with-nothing-open',
    limit: 'without a hold',
    below: onFor(3600, { instance: { ...on, hold: 'ada' } }),
    above: onFor(3600),
    what: /1 h/,
  },
  {
    name: 'on-with-nothing-open',
    limit: 'with nothing open',
    below: { ...onFor(3600), ...{ open: open({ claim: claim(1) }).open } },
    above: onFor(3600),
    what: /1 h/,
  },
  {
    name: 'agent-silent',
    below: onFor(300, { agent: 'never' }),
    above: onFor(301, { agent: 'never' }),
    what: /for 5 min.*\(no report yet\)/,
  },
  {
    name: 'agent-silent',
    limit: 'of an agent that was heard before the launch only',
    below: onFor(400, { agent: { pingStatus: 'Online', lastPing: secondsAgo(399) } }),
    above: onFor(400, { agent: { pingStatus: 'Online', lastPing: secondsAgo(400) } }),
    what: /last report 2026/,
  },
  {
    name: 'agent-silent',
    limit: 'of an agent whose connection is lost',
    below: onFor(400, { agent: online }),
    above: onFor(400, { agent: { ...online, pingStatus: 'ConnectionLost' } }),
    what: /last report 2026/,
  },
  {
    name: 'gate-unreadable',
    below: { ...well, gate: { gate: undefined, trouble: undefined } },
    above: { ...well, gate: { gate: undefined, trouble: 'no JSON' } },
    what: /no JSON$/,
  },
  {
    // 120 + 30
    name: 'gate-stuck',
    below: closingFor(150),
    above: closingFor(151),
    what: /for 2 min.*\(stop r\)/,
  },
  ...['Failed', 'TimedOut', 'Cancelled', 'Undeliverable', 'Terminated', 'Incomplete'].map((status): Row => ({
    name: 'drain-failed',
    limit: status,
    below: drainThat('InProgress'),
    above: drainThat(status),
    what: new RegExp(`ended ${status} `),
  })),
  {
    name: 'drain-failed',
    limit: 'without work since the command was sent',
    below: drainThat('Failed', workedAt),
    above: drainThat('Failed', new Date(workedAt.getTime() + 1)),
    what: /command c/,
  },
  {
    name: 'breaker-counting',
    below: open({}, gateIs({ fruitless: 0 })),
    above: open({}, gateIs({ fruitless: 1 })),
    what: /^1 wake-up.*at 3 the breaker/,
  },
  {
    name: 'breaker-counting',
    limit: 'with a job open',
    below: { ...well, ...gateIs({ fruitless: 1 }) },
    above: open({}, gateIs({ fruitless: 1 })),
    what: /^1 wake-up/,
  },
  {
    name: 'sweep-missed',
    below: { ...well, lastSweep: secondsAgo(900) },
    above: { ...well, lastSweep: secondsAgo(901) },
    what: /15 min.*every 5 min/,
  },
  {
    name: 'sweep-missed',
    limit: 'since the launch, if there was none',
    below: { ...well, lastSweep: 'never', instance: { ...off, launchTime: secondsAgo(900) } },
    above: { ...well, lastSweep: 'never', instance: { ...off, launchTime: secondsAgo(901) } },
    what: /15 min/,
  },
  {
    name: 'job-waits',
    below: waiting(900),
    above: waiting(901),
    what: /^b{12} has waited for 15 min 01 s: the instance is off/,
  },
  {
    name: 'job-waits',
    limit: 'of three sweeps',
    below: waiting(1800, {}, { manifest: { ...manifest, sweepMinutes: 10 } }),
    above: waiting(1801, {}, { manifest: { ...manifest, sweepMinutes: 10 } }),
    what: /30 min/,
  },
  {
    name: 'job-waits',
    limit: 'without a pause',
    below: waiting(3600, {}, { instance: { ...off, pause: 'ada' } }),
    above: waiting(3600),
    what: /1 h/,
  },
  {
    name: 'job-waits',
    limit: 'without a live claim',
    below: waiting(3600, { claim: claim(1) }),
    above: waiting(3600, { claim: claim(1, 'disk full') }),
    what: /1 h/,
  },
  {
    name: 'interrupted-often',
    below: open({ attempts: interrupted('machine', 'model', 'machine', 'weather', 'person') }),
    above: open({ attempts: interrupted('machine', 'weather', 'wrapper', 'person') }),
    what: /^The job b{12} was interrupted 3 times in a row, last by a person \(why 4\)\. In all: 4 interruptions/,
  },
  {
    name: 'interrupted-often',
    limit: 'a death alone',
    below: open({ attempts: interrupted('machine', 'machine with others') }),
    above: open({ attempts: interrupted('machine alone', 'storage') }),
    what: /interrupted once, last by the machine \(why 1\)\. The machine died while only this job ran, and no part/,
  },
  {
    name: 'open-unreadable',
    below: open({ open: record }),
    above: open({ open: { trouble: 'no JSON' } }),
    what: /^The open record of the job b{12} cannot/,
  },
  {
    name: 'open-unreadable',
    limit: 'not of a newer release',
    below: open({ open: { trouble: 'version 2', isNewer: true } }),
    above: open({ open: { trouble: 'version 0', isNewer: false } }),
    what: /^The open record of the job b{12} cannot/,
  },
  {
    name: 'open-newer',
    below: waiting(3_600, { open: { trouble: 'version 2', isNewer: true } }),
    above: waiting(3_601, { open: { trouble: 'version 2', isNewer: true } }),
    what: /^A newer release of Lamplighter admitted the job b{12}, 1 h/,
  },
  {
    name: 'open-without-upload',
    below: open({ upload: 'there' }),
    above: open({ upload: 'deleted' }),
    what: /^The upload of the job b{12} was deleted/,
  },
  {
    name: 'claim-without-job',
    below: withClaimsOf(),
    above: withClaimsOf('d'.repeat(64), 'e'.repeat(64)),
    what: /the jobs d{12}, e{12}/,
  },
  {
    name: 'lost-upload',
    below: well,
    above: { ...well, uploads: { looked: 1, isWhole: true, lost: [lost] } },
    what: /"a\.csv"/,
  },
  {
    name: 'job-failed',
    below: well,
    above: { ...well, failed: { isListWhole: true, withoutWalls: [], jobs: [failed] } },
    what: /^The job c{12} \(a\.csv\) failed at then: exit 1$/,
  },
  {
    name: 'no-walls',
    below: well,
    above: { ...well, failed: { isListWhole: true, jobs: [], withoutWalls: [jobId] } },
    what: /^The model ran without walls in the job c{12}: it could read/,
  },
  {
    name: 'failed-events',
    below: { ...well, failedEvents: { count: 0, samples: [] } },
    above: { ...well, failedEvents: { count: 1, samples: ['no'] } },
    what: /^1 event .*:\n {4}no$/,
  },
  {
    name: 'models-differ',
    below: { ...well, models: [{ name: 'm', is: 'same' }] },
    above: { ...well, models: [{ name: 'm', is: 'changed' }] },
    what: /model m: changed\.$/,
  },
  {
    name: 'plan-differs',
    below: { ...well, plan: { differs: false, text: 'no changes' } },
    above: { ...well, plan: { differs: true, text: 'Plan: 1 to add' } },
    what: /Plan: 1 to add$/,
  },
];

const namesIn = (facts: Facts) => findings(facts, now).map(({ name }) => name);
const found = (facts: Facts, wanted: FindingName) =>
  findings(facts, now).filter(({ name }) => name === wanted);

describe('each finding is found just above its limit and not just below', () => {
  it.each(rows.map((row) => [[row.name, row.limit].filter(Boolean).join(', '), row] as const))(
    '%s',
    (_title, { name, below, above, what }) => {
      expect(namesIn(below)).not.toContain(name);
      const [first, ...others] = found(above, name);
      expect(first?.what).toMatch(what);
      expect(first?.advice).not.toBe('');
      expect(others).toEqual([]);
    },
  );

  it('every finding has its row', () => {
    expect([...new Set(rows.map(({ name }) => name))]).toEqual(FINDING_NAMES);
  });
});

it('the gravest finding comes first', () => {
  const facts: Facts = {
    ...closingFor(3600),
    ...{ instance: { ...on, pause: 'ada', hold: 'ada' }, agent: 'never', lastSweep: minutesAgo(60) },
    ...{
      failed: { isListWhole: true, withoutWalls: [], jobs: [failed] },
      failedEvents: { count: 1, samples: [] },
    },
    plan: { differs: true, text: '' },
  };
  const names = ['paused', 'held', 'agent-silent', 'gate-stuck', 'sweep-missed'];
  expect(namesIn(facts)).toEqual([...names, 'job-failed', 'failed-events', 'plan-differs']);
});

it('of many failed jobs five are named', () => {
  const jobs = Array.from({ length: 6 }, () => failed);
  expect(
    found({ ...well, failed: { isListWhole: true, withoutWalls: [], jobs } }, 'job-failed'),
  ).toHaveLength(5);
});

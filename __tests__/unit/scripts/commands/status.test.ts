import type { Clock } from '../../../../lifecycle/clock';
import { jobIdOf } from '../../../../lifecycle/job';
import { type Report, reportLines } from '../../../../scripts/commands/status/status';
import { recordingTerminal } from '../stand-ins';

const clock: Clock = { now: () => Date.parse('2026-01-01T00:10:00.000Z'), sleep: () => Promise.resolve() };
const input = { bucket: 'data', key: 'in/\u001b[2Ja.csv', versionId: 'v1', sizeBytes: 3 };
const jobId = jobIdOf(input);
const model = { name: 'm', digest: 'd'.repeat(64), zipKey: 'z', zipVersionId: 'zv' };
const short = jobId.slice(0, 12);

const quiet: Report = {
  shortage: undefined,
  cloud: 'aws',
  manifest: {
    version: 1,
    pipeline: 'p',
    region: 'eu-central-1',
    dataBucket: 'p-data',
    outputBucket: 'p-output',
    controlBucket: 'p-control',
    instanceId: 'i-1',
    functions: { trigger: 't', worker: 'w', stop: 's' },
    document: 'd',
    failuresQueue: 'p-failures',
    drainLogGroup: '/lamplighter/p/drain',
    sweepMinutes: 5,
    stopTimeLimitSeconds: 120,
    lingerSeconds: 0,
    breakerWakeUps: 3,
    models: [{ ...model, prefix: '', suffixes: [] }],
  },
  instance: {
    id: 'i-1',
    state: 'stopped',
    type: 't3.medium',
    launchTime: undefined,
    phase: 'stopped',
    hold: undefined,
    pause: undefined,
  },
  gate: undefined,
  open: { count: 0, isCountWhole: true, jobs: [] },
  receipts: { latest: [], isListWhole: true },
  today: { since: '2026-01-01T00:00:00.000Z', onSeconds: 0, usd: 0 },
};

it('a pipeline that has never run', () => {
  expect(reportLines(quiet, clock, recordingTerminal())).toEqual([
    'Pipeline  p (eu-central-1), models: m',
    'Uploads   s3://p-data/',
    'Instance  i-1 is stopped, phase stopped',
    'Today     not on since midnight UTC',
    'Gate      never opened',
    'Open      no job',
    'Receipts  none yet',
  ]);
});

it('a busy pipeline: orders, an unreadable gate, open jobs and failures, with control characters escaped', () => {
  const open = {
    version: 1 as const,
    jobId,
    input,
    model,
    admittedAt: '2026-01-01T00:05:00.000Z',
    admittedBy: 'event',
    nonce: 'n',
  };
  const report: Report = {
    ...quiet,
    instance: {
      ...quiet.instance,
      state: 'running',
      phase: 'working',
      hold: 'me, debugging',
      pause: 'breaker',
    },
    today: { since: '2026-01-01T00:00:00.000Z', onSeconds: 600, usd: 0.008 },
    gate: { trouble: 'gate.json is not JSON' },
    open: {
      count: 1_000,
      isCountWhole: false,
      jobs: [
        {
          jobId,
          open: { record: open },
          claim: {
            record: {
              version: 1,
              jobId,
              attempt: 2,
              bootId: 'b',
              drainId: 'd',
              claimedAt: open.admittedAt,
              leaseUntil: open.admittedAt,
              nonce: 'n',
            },
          },
          status: {
            record: { version: 1, jobId, attempt: 2, phase: 'running', progress: 0.25, at: open.admittedAt },
          },
          attempts: {
            record: {
              version: 1,
              jobId,
              nonce: 'n',
              ended: [{ first: 1, last: 1, cause: 'machine', why: 'EC2\ntook it', at: open.admittedAt }],
            },
          },
        },
        {
          jobId,
          open: { trouble: 'open/x is not JSON' },
          claim: undefined,
          status: undefined,
          attempts: undefined,
        },
      ],
    },
    receipts: {
      isListWhole: false,
      latest: [
        {
          version: 1,
          jobId,
          outcome: 'failed',
          pipeline: 'p',
          input,
          model,
          attempt: 1,
          admittedAt: open.admittedAt,
          endedAt: '2026-01-01T00:09:30.000Z',
          outputs: [],
          error: { kind: 'timeout', message: 'took\ntoo long' },
          instance: { bootId: 'b', drainId: 'd' },
          nonce: 'n',
        },
      ],
    },
  };
  expect(reportLines(report, clock, recordingTerminal()).slice(2)).toEqual([
    'Instance  i-1 is running, phase working',
    '          held, does not stop: lamplighter:hold = me, debugging',
    '          paused, does not start: lamplighter:pause = breaker',
    'Today     on for 10 min 00 s since midnight UTC, 0.00800 USD at most',
    'Gate      unreadable: gate.json is not JSON',
    'Open      1000 or more',
    `  ${short}  in/\\x1b[2Ja.csv  admitted 5 min 00 s ago  attempt 2  the model runs (attempt 2), 25 %`,
    '    1 interruption; attempt 1 ended: EC2\\x0atook it',
    `  ${short}  open/x is not JSON  not started`,
    '  and 998 more',
    'Receipts  the latest, among the first 5000 results by name',
    `  failed     ${short}       30.0 s ago  in/\\x1b[2Ja.csv  m`,
    '    took\\x0atoo long',
  ]);
});

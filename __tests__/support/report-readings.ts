import type { Receipt } from '../../lifecycle/records';
import type { Readings } from '../../scripts/report/facts';
import type { ReportedReceipt, Session } from '../../scripts/report/records';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
export const NOW_MS = Date.parse('2026-03-31T12:00:00.000Z');

export const iso = (ms: number) => new Date(ms).toISOString();

/** The receipt of a job that was uploaded at `cameMs`, began `waitMs` later and ran for `runMs`. */
export function receipt(
  name: string,
  cameMs: number,
  waitMs: number,
  runMs: number,
  changes: Partial<ReportedReceipt> = {},
): ReportedReceipt {
  return {
    jobId: Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64),
    outcome: 'succeeded',
    input: { key: `raw/${name}.csv`, sizeBytes: 1_000 },
    model: { name: 'breast-cancer' },
    attempt: 1,
    uploadedAt: iso(cameMs),
    admittedAt: iso(cameMs + 1_000),
    claimedAt: iso(cameMs + waitMs),
    startedAt: iso(cameMs + waitMs),
    endedAt: iso(cameMs + waitMs + runMs),
    instance: { bootId: `boot-${name}` },
    ...changes,
  };
}

/** The whole receipt as the drain writes it, with what a report does not need. */
export function stored(reported: ReportedReceipt): Receipt {
  const model = { name: reported.model.name, digest: 'd'.repeat(64), zipKey: 'z', zipVersionId: 'v' };
  return {
    ...{ ...reported, version: 1, pipeline: 'p', outputs: [], nonce: 'n' },
    ...{ model, input: { ...reported.input, bucket: 'd', versionId: 'v' } },
    instance: { bootId: 'b', drainId: 'd' },
  };
}

export const readings: Readings = {
  pipeline: 'p',
  region: 'eu-central-1',
  cloud: 'aws',
  outputBucket: 'p-output',
  drainLogGroup: '/lamplighter/p/drain',
  nowMs: NOW_MS,
  sinceMs: NOW_MS - 30 * DAY_MS,
  receipts: [],
  sessions: [],
  hasEarlier: true,
  isWhole: true,
  unreadable: 0,
  instance: { isOn: false, launchedAtMs: undefined, type: 't3.medium', isSpot: false },
  usdPerHour: 0.048,
  pricesAsOf: '2026-11-22',
};

/** A month of a lab: two to four uploads a day, none on Sundays. The first week has no sessions. */
export function month(): Readings {
  const receipts: ReportedReceipt[] = [];
  const sessions: Session[] = [];
  for (let day = 30; day >= 1; day -= 1) {
    const dayMs = NOW_MS - day * DAY_MS;
    if (new Date(dayMs).getUTCDay() === 0) continue;
    for (let n = 0; n < 2 + (day % 3); n += 1) {
      const cameMs = dayMs - 4 * HOUR_MS + n * 2.6 * HOUR_MS + ((day * 37) % 60) * MINUTE_MS;
      const runMs = (4 + ((day * 7 + n * 13) % 17)) * MINUTE_MS;
      const name = `scans/2026/patient-${day}-${n}`;
      const failed = (day * 5 + n) % 17 === 0;
      receipts.push(
        receipt(name, cameMs, 42_000 + ((day * 11) % 30) * 1_000, runMs, {
          jobId: Buffer.from(`${day}-${n}`).toString('hex').padEnd(64, 'ab').slice(0, 64),
          instance: { bootId: `boot-${day}-${n}` },
          ...(failed
            ? {
                outcome: 'failed',
                error: {
                  kind: 'model-failed',
                  message: 'the model ended with exit code 1; see its last lines',
                },
                stderrTail:
                  'Traceback (most recent call last):\nValueError: could not convert <string> to float: "n/a"',
              }
            : {}),
        }),
      );
      if (day < 24) {
        sessions.push({
          launchedAt: iso(cameMs + 3_000),
          stoppedAt: iso(cameMs + 75_000 + runMs + 20_000),
        });
      }
    }
  }
  return { ...readings, receipts, sessions };
}

/** An afternoon on the local cloud: three jobs in a quarter of an hour. */
export function afternoon(): Readings {
  const beganMs = NOW_MS - 14 * MINUTE_MS;
  const boot = { instance: { bootId: 'boot-1' } };
  return {
    ...readings,
    cloud: 'local',
    hasEarlier: false,
    receipts: [
      receipt('patients', beganMs, 20_000, 5_000, boot),
      receipt('a rather long name of an upload, as people give them', beganMs + 8_000, 25_000, 90_000, boot),
      receipt('third', beganMs + 6 * MINUTE_MS, 15_000, 45_000, {
        outcome: 'failed',
        error: { kind: 'time-limit', message: '<b>the model</b> ran for longer than its 20 minutes' },
      }),
    ],
    instance: { isOn: false, launchedAtMs: beganMs, type: 'm5.unheard-of', isSpot: false },
    usdPerHour: undefined,
  };
}

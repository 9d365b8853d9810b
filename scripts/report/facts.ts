import { failuresIn, interruptionsIn } from '../../lifecycle/attempts';
import { type JobBill, type SessionBill, billsOf, secondsOf } from '../../lifecycle/bill';
import type { EndCause, EndedAttempts } from '../../lifecycle/records';
import { type Interval, allClipped, clipped, merged, sharedMs, totalMs } from './intervals';
import { type InstanceLaunch, type OnTime, heldTime, onTimes } from './on-time';
import type { ReportedReceipt, Session } from './records';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Everything that a report reads of a pipeline, before anything is counted. */
export interface Readings {
  readonly pipeline: string;
  readonly region: string;
  readonly cloud: 'local' | 'aws';
  readonly outputBucket: string;
  readonly drainLogGroup: string;
  readonly nowMs: number;
  /** The earliest beginning of the report's period. */
  readonly sinceMs: number;
  readonly receipts: readonly ReportedReceipt[];
  readonly sessions: readonly Session[];
  /** Older receipts exist: the pipeline is older than the report's period. */
  readonly hasEarlier: boolean;
  /** False: there was more than the report may read. */
  readonly isWhole: boolean;
  readonly unreadable: number;
  readonly instance:
    (InstanceLaunch & { readonly type: string | undefined; readonly isSpot: boolean }) | undefined;
  /** The on-demand price of the instance's present type. Undefined: the price table does not have it. */
  readonly usdPerHour: number | undefined;
  readonly pricesAsOf: string;
}

export interface JobFacts {
  readonly jobId: string;
  readonly key: string;
  readonly model: string;
  readonly outcome: 'succeeded' | 'failed';
  readonly attempt: number;
  /** The attempts before the one that counts that the model itself ended. */
  readonly failures: number;
  /** Those that something else ended. */
  readonly interruptions: number;
  readonly endedAttempts: readonly EndedAttempts[];
  /** The time of the upload, or of the admission if the upload's is not known. */
  readonly cameMs: number;
  /** From the upload to the model's start. */
  readonly waitMs: number | undefined;
  /** From the model's start to the receipt. */
  readonly runMs: number | undefined;
  /** From the claim to the receipt. */
  readonly held: Interval | undefined;
  readonly endedMs: number;
  /**
   * The on-time that the job has cost: its share of its session. If no session is known: its share of the
   * time from its claim to its receipt.
   */
  readonly costMs: number;
  readonly isCostEstimated: boolean;
  readonly costUsd: number | undefined;
  readonly error: { readonly kind: string; readonly message: string } | undefined;
  readonly stderrTail: string | undefined;
}

export interface Spread {
  readonly count: number;
  readonly medianMs: number;
  /** Nine of ten jobs took no longer. */
  readonly ninetiethMs: number;
  readonly longestMs: number;
  /** Counts, one for each of DURATION_BINS. */
  readonly bins: readonly number[];
}

/** The attempts that something else than the model ended, at jobs that have ended since. */
interface Interruptions {
  /** Attempts. */
  readonly count: number;
  /** Interrupted jobs. */
  readonly jobs: number;
  /** The most frequent cause first. */
  readonly causes: readonly {
    readonly cause: EndCause;
    readonly count: number;
    readonly jobs: number;
    /** Why the latest of them ended. */
    readonly lastWhy: string;
  }[];
}

export interface ReportFacts {
  readonly readings: Omit<Readings, 'receipts' | 'sessions'>;
  readonly period: Interval;
  readonly onTimes: readonly OnTime[];
  readonly onMs: number;
  /** The part of `onMs` that no session records: computed from receipts. */
  readonly estimatedMs: number;
  /** The part of `onMs` in which no job held the machine: it booted, waited or stopped. */
  readonly jobFreeMs: number;
  /** `onMs` as EC2 bills it, as far as sessions are known: at least a minute for each start. */
  readonly billedMs: number;
  readonly alwaysOnMs: number;
  /** The part of the always-on time that was saved, 0 to 1. Undefined: there is no time to compare. */
  readonly savedShare: number | undefined;
  readonly onUsd: number | undefined;
  readonly alwaysOnUsd: number | undefined;
  readonly savedUsd: number | undefined;
  /** The latest job first. */
  readonly jobs: readonly JobFacts[];
  readonly failures: readonly JobFacts[];
  readonly failureKinds: ReturnType<typeof kindsOf>;
  readonly interruptions: Interruptions;
  readonly days: ReturnType<typeof daysOf>;
  readonly waiting: Spread | undefined;
  readonly running: Spread | undefined;
  readonly models: ReturnType<typeof modelsOf>;
  readonly spenders: readonly JobFacts[];
}

/** The bars in which waiting and running times are counted, by their upper bounds in milliseconds. */
export const DURATION_BINS: readonly { readonly label: string; readonly belowMs: number }[] = [
  { label: '<10 s', belowMs: 10_000 },
  { label: '10–30 s', belowMs: 30_000 },
  { label: '30–60 s', belowMs: 60_000 },
  { label: '1–2 min', belowMs: 120_000 },
  { label: '2–5 min', belowMs: 300_000 },
  { label: '5–15 min', belowMs: 900_000 },
  { label: '15–60 min', belowMs: HOUR_MS },
  { label: '≥1 h', belowMs: Infinity },
];

/** Maximum jobs in the list of those that cost most. */
const SPENDERS = 10;

/** Counts, without any request. The same readings give the same facts. */
export function factsOf({ receipts: allReceipts, sessions, ...readings }: Readings): ReportFacts {
  const { nowMs, usdPerHour } = readings;
  const price = (ms: number) => (usdPerHour === undefined ? undefined : (ms / HOUR_MS) * usdPerHour);
  const receipts = allReceipts.filter(({ endedAt }) => Date.parse(endedAt) >= readings.sinceMs);
  const allTimes = onTimes(sessions, allReceipts, readings.instance, nowMs);
  const period = periodOf(readings, receipts, allTimes);
  const times = allClipped(allTimes, period);
  const bills = billsWithin(period, sessions, allReceipts, usdPerHour);
  const jobs = jobsOf(receipts, bills, price);
  const held = merged(
    allClipped(
      jobs.flatMap((job) => job.held ?? []),
      period,
    ),
  );
  const onMs = totalMs(times);
  const billedMs = onMs + bills.reduce((sum, bill) => sum + (bill.billedSeconds - bill.onSeconds) * 1000, 0);
  const alwaysOnMs = period.toMs - period.fromMs;
  const failures = jobs.filter(({ outcome }) => outcome === 'failed');
  return {
    readings,
    period,
    onTimes: times,
    onMs,
    estimatedMs: totalMs(times.filter(({ kind }) => kind !== 'recorded')),
    jobFreeMs: Math.max(0, onMs - totalMs(held)),
    billedMs,
    alwaysOnMs,
    savedShare: alwaysOnMs === 0 ? undefined : 1 - billedMs / alwaysOnMs,
    onUsd: price(billedMs),
    alwaysOnUsd: price(alwaysOnMs),
    savedUsd: price(alwaysOnMs - billedMs),
    jobs,
    failures,
    failureKinds: kindsOf(failures),
    interruptions: interruptionsOf(jobs),
    days: daysOf(period, times, jobs),
    waiting: spreadOf(jobs.flatMap(({ waitMs }) => waitMs ?? [])),
    running: spreadOf(jobs.flatMap(({ runMs }) => runMs ?? [])),
    models: modelsOf(jobs),
    spenders: [...jobs]
      .sort((a, b) => b.costMs - a.costMs)
      .filter(({ costMs }) => costMs > 0)
      .slice(0, SPENDERS),
  };
}

/** The report's period. It begins with the first trace of work: a pipeline of one week has not saved a month's money. */
function periodOf(
  { sinceMs, nowMs, hasEarlier }: Pick<Readings, 'sinceMs' | 'nowMs' | 'hasEarlier'>,
  receipts: readonly ReportedReceipt[],
  times: readonly OnTime[],
): Interval {
  if (hasEarlier) return { fromMs: sinceMs, toMs: nowMs };
  const traces = [
    ...receipts.map(({ uploadedAt, admittedAt }) => Date.parse(uploadedAt ?? admittedAt)),
    ...times.map(({ fromMs }) => fromMs),
  ];
  const first = traces.reduce((earliest, at) => Math.min(earliest, at), nowMs);
  return { fromMs: Math.max(sinceMs, first), toMs: nowMs };
}

/**
 * The bills of sessions that have ended and lie entirely within the period. In any other session, receipts
 * that were not read may have a share.
 */
function billsWithin(
  period: Interval,
  sessions: readonly Session[],
  receipts: readonly ReportedReceipt[],
  usdPerHour: number | undefined,
): SessionBill[] {
  const ended = sessions.filter(({ stoppedAt }) => stoppedAt !== undefined);
  return billsOf(ended, receipts, usdPerHour).filter(
    ({ launchedAt }) => launchedAt !== undefined && Date.parse(launchedAt) >= period.fromMs,
  );
}

function jobsOf(
  receipts: readonly ReportedReceipt[],
  bills: readonly SessionBill[],
  price: (ms: number) => number | undefined,
): JobFacts[] {
  const shared = new Map<string, { session: SessionBill; job: JobBill }>(
    bills.flatMap((session) => session.jobs.map((job) => [job.jobId, { session, job }] as const)),
  );
  const held = receipts.map((receipt) => heldTime(receipt) ?? { fromMs: 0, toMs: 0 });
  const shares = sharedMs(held);
  return receipts
    .map((receipt, index): JobFacts => {
      const { bill, startedAt, endedAt, endedAttempts = [] } = receipt;
      const share = shared.get(receipt.jobId);
      const cameMs = Date.parse(receipt.uploadedAt ?? receipt.admittedAt);
      const endedMs = Date.parse(endedAt);
      const startedMs = startedAt === undefined ? undefined : Date.parse(startedAt);
      const carriedMs = bill ? secondsOf(bill) * 1000 : Math.max(0, shares[index] ?? 0);
      const costMs = share ? share.job.onSeconds * 1000 : carriedMs;
      const microUsd = share?.job.microUsd;
      return {
        jobId: receipt.jobId,
        key: receipt.input.key,
        model: receipt.model.name,
        outcome: receipt.outcome,
        attempt: receipt.attempt,
        failures: failuresIn(endedAttempts),
        interruptions: interruptionsIn(endedAttempts),
        endedAttempts,
        cameMs,
        waitMs: startedMs === undefined ? undefined : Math.max(0, startedMs - cameMs),
        runMs: startedMs === undefined ? undefined : Math.max(0, endedMs - startedMs),
        held: heldTime(receipt),
        endedMs,
        costMs,
        isCostEstimated: !bill || share?.session.approximate === true,
        costUsd: microUsd === undefined ? price(costMs) : microUsd / 1e6,
        error: receipt.error && { kind: receipt.error.kind, message: receipt.error.message },
        stderrTail: receipt.stderrTail,
      };
    })
    .sort((a, b) => b.endedMs - a.endedMs || (a.jobId < b.jobId ? -1 : 1));
}

/** A day's `alwaysOnMs` is the on-time of a machine that is never stopped: less than 24 hours on the first and last day. */
function daysOf(period: Interval, times: readonly OnTime[], jobs: readonly JobFacts[]) {
  const firstMs = dayBeginMs(period.fromMs);
  const length = Math.max(0, Math.ceil((period.toMs - firstMs) / DAY_MS));
  return Array.from({ length }, (_, index) => {
    const fromMs = firstMs + index * DAY_MS;
    const day = { fromMs, toMs: fromMs + DAY_MS };
    const ended = jobs.filter(({ endedMs }) => endedMs >= day.fromMs && endedMs < day.toMs);
    const within = clipped(period, day);
    return {
      day: dayOf(fromMs),
      onMs: totalMs(allClipped(times, day)),
      alwaysOnMs: within ? within.toMs - within.fromMs : 0,
      jobs: ended.length,
      failed: ended.filter(({ outcome }) => outcome === 'failed').length,
    };
  });
}

export const dayBeginMs = (atMs: number) => Math.floor(atMs / DAY_MS) * DAY_MS;
export const dayOf = (atMs: number) => new Date(atMs).toISOString().slice(0, 10);

function spreadOf(durations: readonly number[]): Spread | undefined {
  const sorted = [...durations].sort((a, b) => a - b);
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  if (sorted.length === 0) return undefined;
  const bins = DURATION_BINS.map(
    ({ belowMs }, index) =>
      sorted.filter((ms) => ms < belowMs && ms >= (DURATION_BINS[index - 1]?.belowMs ?? 0)).length,
  );
  return { count: sorted.length, medianMs: rank(0.5), ninetiethMs: rank(0.9), longestMs: rank(1), bins };
}

function kindsOf(failures: readonly JobFacts[]) {
  const counts = new Map<string, number>();
  for (const { error } of failures) {
    const kind = error?.kind ?? 'no reason given';
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts]
    .map(([kind, count]) => ({ kind, count }))
    .sort((a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1));
}

function interruptionsOf(jobs: readonly JobFacts[]): Interruptions {
  const interrupted = jobs.filter(({ interruptions }) => interruptions > 0);
  const ended = interrupted
    .flatMap(({ jobId, endedAttempts }) => endedAttempts.map((end) => ({ ...end, jobId })))
    .filter(({ cause }) => cause !== 'model')
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  const causes = [...new Set(ended.map(({ cause }) => cause))].map((cause) => {
    const own = ended.filter((end) => end.cause === cause);
    const jobIds = new Set(own.map(({ jobId }) => jobId));
    return { cause, count: interruptionsIn(own), jobs: jobIds.size, lastWhy: own[0]?.why ?? '' };
  });
  return {
    count: interruptionsIn(ended),
    jobs: interrupted.length,
    causes: causes.sort((a, b) => b.count - a.count || (a.cause < b.cause ? -1 : 1)),
  };
}

function modelsOf(jobs: readonly JobFacts[]) {
  const names = [...new Set(jobs.map(({ model }) => model))];
  return names
    .map((model) => {
      const own = jobs.filter((job) => job.model === model);
      const costMs = own.reduce((sum, job) => sum + job.costMs, 0);
      const failed = own.filter(({ outcome }) => outcome === 'failed').length;
      const prices = own.flatMap(({ costUsd }) => costUsd ?? []);
      const costUsd = prices.length === 0 ? undefined : prices.reduce((sum, one) => sum + one, 0);
      return { model, jobs: own.length, failed, costMs, costUsd };
    })
    .sort((a, b) => b.costMs - a.costMs || (a.model < b.model ? -1 : 1));
}

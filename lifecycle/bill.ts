import type { Bill, Receipt, Session } from './records';
import { CLOCKS_DIFFER_MS, secondsBetween } from './session';

/** What a job has of a session's on-time. `onSeconds` is the sum of the four others. */
export interface JobBill {
  readonly jobId: string;
  readonly bootSeconds: number;
  readonly idleSeconds: number;
  readonly runSeconds: number;
  /** Its share of the seconds that stand in no receipt. */
  readonly tailSeconds: number;
  readonly onSeconds: number;
  /** Millionths of a US dollar, whole: the jobs of a session sum to the session's. Undefined: the price is not known. */
  readonly microUsd: number | undefined;
}

/** One on-time of the instance. If it has jobs, their `onSeconds` and `microUsd` sum to its own. */
export interface SessionBill {
  /** Undefined: no record tells of it, only receipts. */
  readonly launchedAt: string | undefined;
  /** Undefined: it is not known to have stopped; then `onSeconds` is what the receipts say so far. */
  readonly stoppedAt: string | undefined;
  /** Its on-time is not what EC2 said: see `billsOf`. */
  readonly approximate: boolean;
  readonly onSeconds: number;
  /** The seconds that stand in no receipt: before the boot, after the last receipt, of reboots. */
  readonly tailSeconds: number;
  /** What EC2 bills of it. Before it is known to have stopped: so far. */
  readonly billedSeconds: number;
  readonly microUsd: number | undefined;
  /** In the order of their ends. */
  readonly jobs: readonly JobBill[];
}

/** EC2 bills each start at least so long. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/concepts.html */
export const MINIMUM_BILLED_SECONDS = 60;

/** A boot that a receipt tells of so long after the launch is not the session's first. */
const LONGEST_PENDING_SECONDS = 120;

type SessionTimes = Pick<Session, 'launchedAt' | 'stoppedAt' | 'approximate'>;
type BilledReceipt = Pick<Receipt, 'jobId' | 'endedAt' | 'bill'>;

/**
 * The instance's on-time, shared out to the jobs: every session's to the second, and the money to the millionth of a dollar.
 *
 * - Each job has what its receipt says. The seconds that stand in no receipt are given to the session's jobs in equal
 *   shares; those left over go one each to the jobs that ended first.
 * - The money of a session is what EC2 bills, at the price and rounded: from `running` on, and a minute at least. Receipts tell
 *   when the machine booted, which is when it was `running`; if none does, the on-time counts from the launch. The money is
 *   given to the jobs by their seconds, and the millionths left over to the largest remainders.
 * - A session's on-time is approximate when EC2 did not say when it was stopped, when nobody heard of its end but of the next
 *   launch (which then is its end), when only receipts tell of it, and when its receipts carry more seconds than it has: then their sum counts.
 * - A receipt that carries no bill and ended in no session that is known has no part in anything.
 */
export function billsOf(
  sessions: readonly SessionTimes[],
  receipts: readonly BilledReceipt[],
  usdPerHour?: number,
): SessionBill[] {
  const known = sessions.toSorted((a, b) => Date.parse(a.launchedAt) - Date.parse(b.launchedAt)).map(ended);
  const ofSession = new Map(known.map((session) => [session, [] as BilledReceipt[]]));
  const ofNone = new Map<string, BilledReceipt[]>();
  for (const receipt of receipts.toSorted(byEnd)) {
    const at = Date.parse(receipt.bill?.session ?? receipt.endedAt);
    const session = known.findLast(({ launchedAt }) => Date.parse(launchedAt) <= at + CLOCKS_DIFFER_MS);
    if (session && at <= Date.parse(session.stoppedAt ?? receipt.endedAt) + CLOCKS_DIFFER_MS) {
      ofSession.get(session)?.push(receipt);
    } else if (receipt.bill) {
      ofNone.set(receipt.bill.session, [...(ofNone.get(receipt.bill.session) ?? []), receipt]);
    }
  }
  return [
    ...[...ofSession].map(([session, its]) => billOf(session, its, usdPerHour)),
    ...[...ofNone.values()].map((its) => billOf(undefined, its, usdPerHour)),
  ];
}

/** Nobody has heard that it stopped, but it was launched again. */
function ended(session: SessionTimes, index: number, all: readonly SessionTimes[]): SessionTimes {
  const next = all[index + 1];
  if (session.stoppedAt !== undefined || !next) return session;
  return { launchedAt: session.launchedAt, stoppedAt: next.launchedAt, approximate: true };
}

function billOf(
  session: SessionTimes | undefined,
  receipts: readonly BilledReceipt[],
  usdPerHour: number | undefined,
): SessionBill {
  const carried = receipts.reduce((sum, { bill }) => sum + (bill ? secondsOf(bill) : 0), 0);
  const measured =
    session?.stoppedAt === undefined ? undefined : secondsBetween(session.launchedAt, session.stoppedAt);
  const onSeconds = Math.max(measured ?? 0, carried);
  const tailSeconds = onSeconds - carried;
  const tails = apportion(
    tailSeconds,
    receipts.map(() => 1),
  );
  const lines = receipts.map(({ jobId, bill }, index) => {
    const tail = tails[index] ?? 0;
    return {
      jobId,
      bootSeconds: bill?.bootSeconds ?? 0,
      idleSeconds: bill?.idleSeconds ?? 0,
      runSeconds: bill?.runSeconds ?? 0,
      tailSeconds: tail,
      onSeconds: (bill ? secondsOf(bill) : 0) + tail,
    };
  });
  const pendingSeconds = onSeconds === measured ? pendingOf(session, receipts) : 0;
  const atLeast = session?.stoppedAt === undefined ? 0 : MINIMUM_BILLED_SECONDS;
  const billedSeconds = Math.max(atLeast, onSeconds - pendingSeconds);
  const microUsd =
    usdPerHour === undefined ? undefined : Math.round((billedSeconds * usdPerHour * 1e6) / 3600);
  const money =
    microUsd === undefined
      ? undefined
      : apportion(
          microUsd,
          lines.map((line) => line.onSeconds),
        );
  return {
    launchedAt: session?.launchedAt,
    stoppedAt: session?.stoppedAt,
    approximate:
      session === undefined || session.approximate === true || onSeconds !== (measured ?? onSeconds),
    onSeconds,
    tailSeconds,
    billedSeconds,
    microUsd,
    jobs: lines.map((line, index) => ({ ...line, microUsd: money?.[index] })),
  };
}

/** From the launch until the machine booted, which EC2 does not bill; 0 if no receipt tells of it. */
function pendingOf(session: SessionTimes | undefined, receipts: readonly BilledReceipt[]): number {
  const boots = receipts.flatMap(({ bill }) =>
    session && bill ? [secondsBetween(session.launchedAt, bill.session)] : [],
  );
  const first = Math.min(...boots);
  return first > 0 && first <= LONGEST_PENDING_SECONDS ? first : 0;
}

/** All that a receipt's bill carries. */
export function secondsOf({ bootSeconds, idleSeconds, runSeconds }: Bill): number {
  return bootSeconds + idleSeconds + runSeconds;
}

/**
 * Shares a whole number out by weights (whole, 0 or more), so that the shares are whole and sum to it: each is rounded down, and what
 * is left goes one each to the largest remainders, of equal ones to the first. All weights 0: equal shares.
 */
export function apportion(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  if (sum === 0)
    return weights.length === 0
      ? []
      : apportion(
          total,
          weights.map(() => 1),
        );
  // Micro-dollars times seconds may be more than a number holds exactly.
  const products = weights.map((weight) => BigInt(total) * BigInt(weight));
  const shares = products.map((product) => Number(product / BigInt(sum)));
  const remainders = products.map((product, index) => ({ index, rest: Number(product % BigInt(sum)) }));
  const left = total - shares.reduce((all, share) => all + share, 0);
  for (const { index } of remainders.sort((a, b) => b.rest - a.rest || a.index - b.index).slice(0, left)) {
    shares[index] = (shares[index] ?? 0) + 1;
  }
  return shares;
}

function byEnd(a: BilledReceipt, b: BilledReceipt): number {
  return Date.parse(a.endedAt) - Date.parse(b.endedAt) || (a.jobId < b.jobId ? -1 : 1);
}

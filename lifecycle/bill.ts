import type { Bill, Receipt, Session } from './records';
import { MAX_CLOCK_DIFFERENCE_MS, secondsBetween } from './session';

/** A job's part of a session's on-time. `onSeconds` is the sum of the four other numbers of seconds. */
export interface JobBill {
  readonly jobId: string;
  readonly bootSeconds: number;
  readonly idleSeconds: number;
  readonly runSeconds: number;
  /** The job's share of the seconds that are on no receipt. */
  readonly tailSeconds: number;
  readonly onSeconds: number;
  /** Whole millionths of a US dollar. A session's jobs sum to the session's amount. Undefined: the price is unknown. */
  readonly microUsd: number | undefined;
}

/** One on-time of the instance. If the session has jobs, their `onSeconds` and `microUsd` sum to the session's. */
export interface SessionBill {
  /** Undefined: there is no record of the session, only receipts. */
  readonly launchedAt: string | undefined;
  /** Undefined: the session is not known to have ended. Then `onSeconds` is the sum of the receipts so far. */
  readonly stoppedAt: string | undefined;
  /** True: the on-time is not EC2's own. See `billsOf`. */
  readonly approximate: boolean;
  readonly onSeconds: number;
  /** The seconds that are on no receipt: before the boot, after the last receipt, during reboots. */
  readonly tailSeconds: number;
  /** The seconds that EC2 bills. Until the session is known to have ended: those so far. */
  readonly billedSeconds: number;
  readonly microUsd: number | undefined;
  /** In the order in which they ended. */
  readonly jobs: readonly JobBill[];
}

/** Minimum seconds that EC2 bills for a start. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/concepts.html */
export const MINIMUM_BILLED_SECONDS = 60;

/** Maximum seconds from the launch to the session's first boot. A later boot on a receipt is a reboot. */
const MAX_PENDING_SECONDS = 120;

type SessionTimes = Pick<Session, 'launchedAt' | 'stoppedAt' | 'approximate'>;
type BilledReceipt = Pick<Receipt, 'jobId' | 'endedAt' | 'bill'>;

/**
 * Divides the instance's on-time among the jobs: each session's seconds to the second, its money to the millionth of a
 * dollar.
 *
 * - Each job has the seconds on its receipt. The seconds on no receipt go to the session's jobs in equal shares. The
 *   remainder goes, one second each, to the jobs that ended first.
 * - A session's money is its billed seconds at the price per hour, rounded. EC2 bills from `running` on, and a minute at
 *   least. An instance is `running` when the machine boots, and a receipt carries that time. If no receipt does, the on-time
 *   counts from the launch.
 * - The money goes to the jobs in proportion to their seconds, and the remaining millionths to the largest remainders.
 * - A receipt without a bill that ended in no known session is ignored.
 *
 * A session's on-time is approximate in four cases:
 *
 * - EC2 did not report when the instance was stopped.
 * - The end is unknown, but there was another launch. Then that launch is the end.
 * - There are only receipts, no record.
 * - The receipts carry more seconds than the session has. Then their sum is the on-time.
 */
export function billsOf(
  sessions: readonly SessionTimes[],
  receipts: readonly BilledReceipt[],
  usdPerHour?: number,
): SessionBill[] {
  const known = sessions.toSorted((a, b) => Date.parse(a.launchedAt) - Date.parse(b.launchedAt)).map(withEnd);
  const receiptsBySession = new Map(known.map((session) => [session, [] as BilledReceipt[]]));
  const receiptsByUnknownBoot = new Map<string, BilledReceipt[]>();
  for (const receipt of receipts.toSorted(byEnd)) {
    const at = Date.parse(receipt.bill?.session ?? receipt.endedAt);
    const session = known.findLast(
      ({ launchedAt }) => Date.parse(launchedAt) <= at + MAX_CLOCK_DIFFERENCE_MS,
    );
    if (session && at <= Date.parse(session.stoppedAt ?? receipt.endedAt) + MAX_CLOCK_DIFFERENCE_MS) {
      receiptsBySession.get(session)?.push(receipt);
    } else if (receipt.bill) {
      const boot = receipt.bill.session;
      receiptsByUnknownBoot.set(boot, [...(receiptsByUnknownBoot.get(boot) ?? []), receipt]);
    }
  }
  return [
    ...[...receiptsBySession].map(([session, own]) => billOf(session, own, usdPerHour)),
    ...[...receiptsByUnknownBoot.values()].map((own) => billOf(undefined, own, usdPerHour)),
  ];
}

/** If the end is unknown but there was another launch, that launch is the end. */
function withEnd(session: SessionTimes, index: number, all: readonly SessionTimes[]): SessionTimes {
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
  const tails = equalShares(tailSeconds, receipts.length);
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
  const minimumSeconds = session?.stoppedAt === undefined ? 0 : MINIMUM_BILLED_SECONDS;
  const billedSeconds = Math.max(minimumSeconds, onSeconds - pendingSeconds);
  const microUsd =
    usdPerHour === undefined ? undefined : Math.round((billedSeconds * usdPerHour * 1e6) / 3600);
  const jobSeconds = lines.map((line) => line.onSeconds);
  const money = microUsd === undefined ? undefined : apportion(microUsd, jobSeconds);
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

/** Seconds from the launch to the machine's boot, which EC2 does not bill. 0 if no receipt carries the boot. */
function pendingOf(session: SessionTimes | undefined, receipts: readonly BilledReceipt[]): number {
  const boots = receipts.flatMap(({ bill }) =>
    session && bill ? [secondsBetween(session.launchedAt, bill.session)] : [],
  );
  const first = Math.min(...boots);
  return first > 0 && first <= MAX_PENDING_SECONDS ? first : 0;
}

/** The sum of the seconds on a receipt's bill. */
export function secondsOf({ bootSeconds, idleSeconds, runSeconds }: Bill): number {
  return bootSeconds + idleSeconds + runSeconds;
}

/**
 * Divides a whole number in proportion to weights (whole, 0 or more) into whole shares that sum to that number.
 *
 * Each share is rounded down. The remainder goes, one each, to the shares that lost most, of equal ones to the first. If all
 * weights are 0, the shares are equal.
 */
export function apportion(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  if (sum === 0) return weights.length === 0 ? [] : equalShares(total, weights.length);
  // The product of micro-dollars and seconds may exceed the whole numbers that a JavaScript number holds exactly.
  const products = weights.map((weight) => BigInt(total) * BigInt(weight));
  const shares = products.map((product) => Number(product / BigInt(sum)));
  const remainders = products.map((product, index) => ({ index, rest: Number(product % BigInt(sum)) }));
  const left = total - shares.reduce((all, share) => all + share, 0);
  for (const { index } of remainders.sort((a, b) => b.rest - a.rest || a.index - b.index).slice(0, left)) {
    shares[index] = (shares[index] ?? 0) + 1;
  }
  return shares;
}

/** Whole shares, as equal as possible. The first ones are larger by one. */
export function equalShares(total: number, count: number): number[] {
  return apportion(total, Array<number>(count).fill(1));
}

function byEnd(a: BilledReceipt, b: BilledReceipt): number {
  return Date.parse(a.endedAt) - Date.parse(b.endedAt) || (a.jobId < b.jobId ? -1 : 1);
}

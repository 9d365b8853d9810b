import { type Interval, merged, without } from './intervals';
import type { ReportedReceipt, Session } from './records';

/**
 * How an on-time is known. Recorded: a session has both ends. Approximate: a session lacks its end.
 * Estimated: no session, but jobs ran.
 */
type OnTimeKind = 'recorded' | 'approximate' | 'estimated';

export interface OnTime extends Interval {
  readonly kind: OnTimeKind;
}

export interface InstanceLaunch {
  readonly isOn: boolean;
  readonly launchedAtMs: number | undefined;
}

/** Whether an instance in this EC2 state still adds to its on-time. */
export function isOn(state: string | undefined): boolean {
  return state === 'pending' || state === 'running' || state === 'stopping';
}

/**
 * When the instance was on, without overlaps. Sessions count first. Time that no session covers is estimated from receipts:
 * within one boot, from the first claim to the last end. Booting before it and stopping after it are then missing.
 */
export function onTimes(
  sessions: readonly Session[],
  receipts: readonly ReportedReceipt[],
  instance: InstanceLaunch | undefined,
  nowMs: number,
): OnTime[] {
  const now: OnTime[] =
    instance?.isOn === true && instance.launchedAtMs !== undefined
      ? [{ kind: 'recorded', fromMs: instance.launchedAtMs, toMs: nowMs }]
      : [];
  const all = [...sessionTimes(sessions, receipts, instance, nowMs), ...now];
  const times: OnTime[] = [];
  const add = (kind: OnTimeKind, intervals: readonly Interval[]) =>
    times.push(...without(intervals, times).map((one) => ({ ...one, kind })));
  for (const known of ['recorded', 'approximate'] as const)
    add(
      known,
      all.filter(({ kind }) => kind === known),
    );
  add('estimated', bootTimes(receipts));
  return times.sort((a, b) => a.fromMs - b.fromMs);
}

function sessionTimes(
  sessions: readonly Session[],
  receipts: readonly ReportedReceipt[],
  instance: InstanceLaunch | undefined,
  nowMs: number,
): OnTime[] {
  const sorted = [...sessions].sort((a, b) => Date.parse(a.launchedAt) - Date.parse(b.launchedAt));
  return sorted.map(({ launchedAt, stoppedAt, approximate }, index): OnTime => {
    const fromMs = Date.parse(launchedAt);
    if (stoppedAt !== undefined) {
      return { kind: approximate === true ? 'approximate' : 'recorded', fromMs, toMs: Date.parse(stoppedAt) };
    }
    const next = sorted[index + 1];
    if (!next && instance?.isOn === true) return { kind: 'recorded', fromMs, toMs: nowMs };
    const untilMs = next ? Date.parse(next.launchedAt) : nowMs;
    return { kind: 'approximate', fromMs, toMs: lastEndMs(receipts, fromMs, untilMs) };
  });
}

/** The last sign of life in a session whose end nobody has recorded. */
function lastEndMs(receipts: readonly ReportedReceipt[], fromMs: number, untilMs: number): number {
  const ends = receipts
    .map(({ endedAt }) => Date.parse(endedAt))
    .filter((at) => at >= fromMs && at <= untilMs);
  return ends.reduce((last, at) => Math.max(last, at), fromMs);
}

/** Two jobs of one boot: the machine was on between them. */
function bootTimes(receipts: readonly ReportedReceipt[]): Interval[] {
  const boots = new Map<string, Interval>();
  for (const receipt of receipts) {
    const time = heldTime(receipt);
    if (!time) continue;
    const boot = receipt.instance?.bootId ?? receipt.jobId;
    const known = boots.get(boot) ?? time;
    boots.set(boot, { fromMs: Math.min(known.fromMs, time.fromMs), toMs: Math.max(known.toMs, time.toMs) });
  }
  return merged([...boots.values()]);
}

/** From the claim to the receipt: the time in which a job held the machine. Undefined: no drain has begun it. */
export function heldTime({ claimedAt, startedAt, endedAt }: ReportedReceipt): Interval | undefined {
  const from = claimedAt ?? startedAt;
  return from === undefined ? undefined : { fromMs: Date.parse(from), toMs: Date.parse(endedAt) };
}

import { SESSIONS_PREFIX, sessionKey } from '../../lifecycle/job';
import { sessionSchema } from '../../lifecycle/records';
import type { Records } from '../pipeline/readings/listed-records';
import { readRecord } from '../pipeline/readings/records';
import { dayBeginMs } from './facts';
import { clipped, totalMs } from './intervals';
import { type InstanceLaunch, onTimes } from './on-time';

const HOUR_MS = 3_600_000;

/** Longest session that is expected, in milliseconds: one that began earlier is not read. */
const LONGEST_SESSION_MS = 7 * 24 * HOUR_MS;

/** Maximum sessions that are read; the latest count. */
const SESSIONS_READ = 100;

/** How long the instance was on since midnight UTC. */
export interface Today {
  readonly since: string;
  readonly onSeconds: number;
  /** The price of the on-time on demand, a little more than EC2 bills. Undefined: the price is not known. */
  readonly usd: number | undefined;
}

/** The key after which the sessions come that may reach into the day of `nowMs`. */
export function sessionsFrom(nowMs: number): string {
  return sessionKey(new Date(dayBeginMs(nowMs) - LONGEST_SESSION_MS).toISOString());
}

/** Reads the sessions' records only. The cost is one list, and one read for each session of the day. */
export async function readToday(
  control: Records,
  instance: InstanceLaunch,
  usdPerHour: number | undefined,
  nowMs: number,
): Promise<Today> {
  const fromMs = dayBeginMs(nowMs);
  const since = new Date(fromMs).toISOString();
  const keys: string[] = [];
  for await (const { key } of control.list(SESSIONS_PREFIX, sessionsFrom(nowMs))) keys.push(key);
  // A session's key is the time of its launch. The last session before the day may reach into it.
  const before = keys.findLast((key) => key < sessionKey(since));
  const launched = keys.filter((key) => key >= sessionKey(since));
  const wanted = [...(before === undefined ? [] : [before]), ...launched].slice(-SESSIONS_READ);
  const read = await Promise.all(wanted.map((key) => readRecord(control, key, sessionSchema)));
  const sessions = read.flatMap((seen) => (seen && 'record' in seen ? [seen.record] : []));
  const day = { fromMs, toMs: nowMs };
  const onMs = totalMs(onTimes(sessions, [], instance, nowMs).flatMap((time) => clipped(time, day) ?? []));
  return {
    since,
    onSeconds: Math.round(onMs / 1000),
    usd: usdPerHour === undefined ? undefined : (onMs / HOUR_MS) * usdPerHour,
  };
}

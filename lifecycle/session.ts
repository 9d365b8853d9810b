import { messageOf } from './errors';
import type { InstanceReading } from './instance';
import { SESSIONS_PREFIX, sessionKey } from './job';
import { sessionSchema, type Session } from './records';
import type { Cause, SettleContext } from './settle-context';
import type { Stored } from './store';
import { readTrace } from './trace';

/** How a session ended, as far as it is known. Whole seconds. */
type Stop = Pick<Session, 'approximate'> & { readonly stoppedAt: string };

/** A session that an event ends late began so long before it at most; what is older stays as it is. */
const LONGEST_LOOK_BACK_MS = 8 * 24 * 3_600_000;

/** The machine's clock and EC2's may differ by so much. */
export const CLOCKS_DIFFER_MS = 5_000;

/**
 * Keeps the record of the instance's on-times, for bills: to be called when all is settled. Nothing is decided by it, so a
 * failure is only logged; what one event has missed the next or the sweep puts right.
 * @param seen what was read of the instance first, before anybody could start it anew. @default it is read now
 */
export async function keepSession(
  context: SettleContext,
  cause: Cause,
  seen: InstanceReading | undefined,
): Promise<void> {
  if (cause.kind === 'receipt' || cause.kind === 'drain ended') return;
  try {
    const reading = seen ?? (await context.instance.read());
    const launchedAt = wholeSecond(reading.launchTime.getTime());
    const eventAt = cause.kind === 'instance stopped' ? wholeSecond(Date.parse(cause.eventTime)) : undefined;
    if (eventAt !== undefined && eventAt <= launchedAt) {
      await stoppedBeforeLaunch(context, eventAt);
      return;
    }

    const stop = stopOf(reading, launchedAt, eventAt, context.clock.now());
    const kept = await context.control.get(sessionKey(launchedAt), sessionSchema);
    if (kept) await keepStop(context, kept, stop);
    // A sweep that finds it stopped, and was never told that it was on, cannot say since when.
    else if (eventAt === undefined && stop?.approximate) return;
    else await context.control.create(sessionKey(launchedAt), await sessionOf(context, launchedAt, stop));
  } catch (error) {
    context.log.warn('session not recorded', { cause, error: messageOf(error) });
  }
}

/** Undefined: it is not known to have stopped. */
function stopOf(
  { state, stopAskedAt }: InstanceReading,
  launchedAt: string,
  eventAt: string | undefined,
  now: number,
): Stop | undefined {
  if (state !== 'stopped' && eventAt === undefined) return undefined;
  const askedAt = stopAskedAt?.toISOString() ?? '';
  // What EC2 says of an earlier stop is older than the launch.
  if (askedAt > launchedAt && (eventAt === undefined || askedAt <= eventAt)) return { stoppedAt: askedAt };
  return { stoppedAt: eventAt ?? wholeSecond(now), approximate: true };
}

/** The instance has been started anew, maybe within the same second, before this event of its stop was heard. */
async function stoppedBeforeLaunch(context: SettleContext, eventAt: string): Promise<void> {
  const { control } = context;
  const oldest = sessionKey(wholeSecond(Date.parse(eventAt) - LONGEST_LOOK_BACK_MS));
  let latest: string | undefined;
  for await (const { key } of control.list(SESSIONS_PREFIX, oldest)) {
    if (key >= sessionKey(eventAt)) break;
    latest = key;
  }
  const kept = latest === undefined ? undefined : await control.get(latest, sessionSchema);
  if (kept) await keepStop(context, kept, { stoppedAt: eventAt, approximate: true });
}

async function keepStop(
  context: SettleContext,
  { record, etag }: Stored<Session>,
  stop: Stop | undefined,
): Promise<void> {
  if (!stop || !saysMore(stop, record)) return;
  const { launchedAt } = record;
  await context.control.replace<Session>(
    sessionKey(launchedAt),
    await sessionOf(context, launchedAt, stop),
    etag,
  );
}

/** What EC2 says is final; of what was heard, the earlier is nearer. */
function saysMore(stop: Stop, { stoppedAt, approximate }: Session): boolean {
  if (stoppedAt === undefined) return true;
  if (approximate === undefined) return false;
  return stop.approximate === undefined || stop.stoppedAt < stoppedAt;
}

async function sessionOf(
  { control }: SettleContext,
  launchedAt: string,
  stop: Stop | undefined,
): Promise<Omit<Session, 'nonce'>> {
  if (!stop) return { version: 1, launchedAt };
  const { last } = await readTrace(control);
  const bootedMs = Date.parse(last?.billed?.session ?? '');
  const isOfThis =
    bootedMs >= Date.parse(launchedAt) - CLOCKS_DIFFER_MS &&
    bootedMs <= Date.parse(stop.stoppedAt) + CLOCKS_DIFFER_MS;
  const billedSeconds = isOfThis ? (last?.billed?.seconds ?? 0) : 0;
  const onSeconds = secondsBetween(launchedAt, stop.stoppedAt);
  return { version: 1, launchedAt, ...stop, tailSeconds: Math.max(0, onSeconds - billedSeconds) };
}

/** Between two moments that are whole seconds. */
export function secondsBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / 1000);
}

function wholeSecond(milliseconds: number): string {
  return new Date(Math.floor(milliseconds / 1000) * 1000).toISOString();
}

import { wholeSecond } from './clock';
import { messageOf } from './errors';
import type { InstanceReading } from './instance';
import { SESSIONS_PREFIX, sessionKey } from './job';
import { sessionSchema, type Session } from './records';
import type { Cause, SettleContext } from './settle-context';
import type { Stored } from './store';
import { readTrace } from './trace';

/** The end of a session. */
type SessionEnd = Pick<Session, 'approximate'> & { readonly stoppedAt: string };

/** Maximum time from a session's launch to a late event of its stop, in milliseconds. Older sessions stay unchanged. */
const MAX_LOOK_BACK_MS = 8 * 24 * 3_600_000;

/** Maximum difference between the machine's clock and EC2's, in milliseconds. */
export const MAX_CLOCK_DIFFERENCE_MS = 5_000;

/**
 * Records the instance's current or last on-time, for bills. Call it after `settle`. No rule reads the record, so a failure
 * is only logged, and a later event or the sweep repairs the record.
 * @param firstReading the instance before `settle` could start it again. @default the instance is read now
 */
export async function recordSession(
  context: SettleContext,
  cause: Cause,
  firstReading: InstanceReading | undefined,
): Promise<void> {
  if (cause.kind === 'receipt' || cause.kind === 'drain ended') return;
  try {
    const reading = firstReading ?? (await context.instance.read());
    const launchedAt = wholeSecond(reading.launchTime.getTime());
    const eventAt = cause.kind === 'instance stopped' ? wholeSecond(Date.parse(cause.eventTime)) : undefined;
    if (eventAt !== undefined && eventAt <= launchedAt) {
      await endEarlierSession(context, eventAt);
      return;
    }

    const end = endOf(reading, launchedAt, eventAt, context.clock.now());
    const stored = await context.control.get(sessionKey(launchedAt), sessionSchema);
    if (stored) await recordEnd(context, stored, end);
    // There is no record of the launch, and EC2 does not report when the instance stopped. So the end is unknown.
    else if (eventAt === undefined && end?.approximate) return;
    else await context.control.create(sessionKey(launchedAt), await sessionOf(context, launchedAt, end));
  } catch (error) {
    context.log.warn('session not recorded', { cause, error: messageOf(error) });
  }
}

/** Undefined: the instance is not known to have stopped. */
function endOf(
  { state, stopRequestedAt }: InstanceReading,
  launchedAt: string,
  eventAt: string | undefined,
  now: number,
): SessionEnd | undefined {
  if (state !== 'stopped' && eventAt === undefined) return undefined;
  const requestedAt = stopRequestedAt?.toISOString() ?? '';
  // A time before the launch is of an earlier session's stop, which EC2 still reports.
  if (requestedAt > launchedAt && (eventAt === undefined || requestedAt <= eventAt)) {
    return { stoppedAt: requestedAt };
  }
  return { stoppedAt: eventAt ?? wholeSecond(now), approximate: true };
}

/** The instance was started again before this event of its stop arrived, maybe within the same second. */
async function endEarlierSession(context: SettleContext, eventAt: string): Promise<void> {
  const { control } = context;
  const oldest = sessionKey(wholeSecond(Date.parse(eventAt) - MAX_LOOK_BACK_MS));
  let latest: string | undefined;
  for await (const { key } of control.list(SESSIONS_PREFIX, oldest)) {
    if (key >= sessionKey(eventAt)) break;
    latest = key;
  }
  const stored = latest === undefined ? undefined : await control.get(latest, sessionSchema);
  if (stored) await recordEnd(context, stored, { stoppedAt: eventAt, approximate: true });
}

async function recordEnd(
  context: SettleContext,
  { record, etag }: Stored<Session>,
  end: SessionEnd | undefined,
): Promise<void> {
  if (!end || !isMoreExact(end, record)) return;
  const { launchedAt } = record;
  await context.control.replace<Session>(
    sessionKey(launchedAt),
    await sessionOf(context, launchedAt, end),
    etag,
  );
}

/** EC2's own time is final. Of two approximate times, the earlier is closer to the stop. */
function isMoreExact(end: SessionEnd, { stoppedAt, approximate }: Session): boolean {
  if (stoppedAt === undefined) return true;
  if (approximate === undefined) return false;
  return end.approximate === undefined || end.stoppedAt < stoppedAt;
}

async function sessionOf(
  { control }: SettleContext,
  launchedAt: string,
  end: SessionEnd | undefined,
): Promise<Omit<Session, 'nonce'>> {
  if (!end) return { version: 1, launchedAt };
  const { last } = await readTrace(control);
  const bootedMs = Date.parse(last?.billed?.session ?? '');
  const isOfThisSession =
    bootedMs >= Date.parse(launchedAt) - MAX_CLOCK_DIFFERENCE_MS &&
    bootedMs <= Date.parse(end.stoppedAt) + MAX_CLOCK_DIFFERENCE_MS;
  const billedSeconds = isOfThisSession ? (last?.billed?.seconds ?? 0) : 0;
  const onSeconds = secondsBetween(launchedAt, end.stoppedAt);
  return { version: 1, launchedAt, ...end, tailSeconds: Math.max(0, onSeconds - billedSeconds) };
}

/** Seconds between two times that are whole seconds. */
export function secondsBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / 1000);
}

import { timestamp } from './clock';
import { moveGate, readGate, type GateReading } from './gate';
import { liveClaims } from './ledger';
import type { SettleContext } from './settle-context';
import { readTrace } from './trace';

/** How a wake-up ended: its drain command did, its instance did, or nothing was heard of it. */
export type WakeUpEnd =
  | { readonly kind: 'drain ended'; readonly id: string }
  | { readonly kind: 'instance stopped'; readonly id: string }
  | { readonly kind: 'silence' };

/** An instance that runs with jobs open must show a claim within this time, first boot included. */
const SILENCE_MS = 10 * 60 * 1000;

/** Within this time after an end that was counted, other ends are the same wake-up's. */
const ONE_WAKE_UP_MS = 60 * 1000;

/**
 * Counts wake-ups in a row that ended without a trace of work (no claim, no receipt) and, at the limit, trips: closes the
 * gate, orders that the instance be not started, stops it. Open jobs stay open. True if it tripped.
 */
export async function breakerTrips(
  context: SettleContext,
  gate: GateReading,
  end: WakeUpEnd,
): Promise<boolean> {
  if (gate.state !== 'OPEN') return false;
  const { control, clock } = context;
  const { mark } = await readTrace(control);
  const seen = gate.gate;
  if (tellsOfWork(mark, gate)) {
    await moveGate(control, gate, 'OPEN', context, {
      fruitless: 0,
      progressMark: mark,
      progressAt: timestamp(clock),
    });
    return false;
  }

  const endId = await countableEnd(context, gate, end);
  if (endId === undefined) return false;
  const fruitless = (seen?.fruitless ?? 0) + 1;
  const counted = { fruitless, progressAt: timestamp(clock), lastEnd: endId };
  const moved = await moveGate(control, gate, 'OPEN', context, counted);
  context.log.warn('a wake-up ended without a trace of work', { end: end.kind, fruitless });
  return fruitless >= context.breakerWakeUps && trip(context, moved, fruitless);
}

/** The drains' trace is another one than the gate remembers. */
function tellsOfWork(mark: string, { gate }: GateReading): boolean {
  return mark !== (gate?.progressMark ?? '');
}

/**
 * What to remember the end by if it is to be counted. Several commands of one wake-up may end one after the other, and the
 * instance with them: what ends within a minute of the last count, or of the last trace of work, belongs to that.
 */
async function countableEnd(
  context: SettleContext,
  { gate }: GateReading,
  end: WakeUpEnd,
): Promise<string | undefined> {
  const { state, launchTime } = await context.instance.read();
  const launch = launchTime.toISOString();
  const lastEnd = gate?.lastEnd ?? '';
  const sinceLastMs = context.clock.now() - Date.parse(gate?.progressAt ?? new Date(0).toISOString());
  if (end.kind === 'silence') {
    const sinceLaunchMs = context.clock.now() - launchTime.getTime();
    if (state !== 'running' || Math.min(sinceLastMs, sinceLaunchMs) <= SILENCE_MS) return undefined;
    if ((await liveClaims(context)).length > 0) return undefined;
    return `${launch} silence until ${timestamp(context.clock)}`;
  }
  const id = `${launch} ${end.id}`;
  if (sinceLastMs < ONE_WAKE_UP_MS || lastEnd === id) return undefined;
  // The stop of an instance whose command's end has been counted is the same wake-up's.
  if (end.kind === 'instance stopped' && lastEnd.startsWith(launch)) return undefined;
  return id;
}

async function trip(context: SettleContext, gate: GateReading, fruitless: number): Promise<boolean> {
  const why = `breaker: ${fruitless} wake-ups in a row without work, ${timestamp(context.clock)}`;
  const stopped = await stopWithJobsOpen(context, gate, {
    // A claim that was there and is gone again before ours is a wake-up with work after all.
    hasWorked: async () => tellsOfWork((await readTrace(context.control)).mark, gate),
    beforeStop: () => context.instance.pause(why),
  });
  if (stopped) {
    context.metrics?.('BreakerTrips', 1);
    context.log.error('breaker tripped: the instance is paused and stopped; open jobs stay open', {
      fruitless,
    });
  }
  return stopped;
}

/**
 * Stops an instance that is paused though jobs are open: a trip whose stop did not succeed, or a start by hand. Behind an
 * open gate people have paused it at work; then it ends its work, and the breaker looks after it. True if it stopped it.
 */
export async function stopIfPaused(context: SettleContext): Promise<boolean> {
  const gate = await readGate(context.control);
  const { state } = await context.instance.read();
  if (gate.state !== 'CLOSED' || (state !== 'running' && state !== 'pending')) return false;
  return stopWithJobsOpen(context, gate);
}

/**
 * Jobs are open, so the second list after CLOSING cannot protect a model that a drain begins just now. The claims do: the
 * drain writes its claim and then reads the gate again, we write CLOSING and then read the claims; one sees the other.
 * False: the instance is held, or a drain is at work, or was so meanwhile.
 */
async function stopWithJobsOpen(
  context: SettleContext,
  gate: GateReading,
  trip?: { readonly hasWorked: () => Promise<boolean>; readonly beforeStop: () => Promise<void> },
): Promise<boolean> {
  const { control, instance, log } = context;
  const closing = await moveGate(control, gate, 'CLOSING', context);
  const { hold } = await instance.read();
  if (hold !== undefined || (await liveClaims(context)).length > 0 || (await trip?.hasWorked())) {
    await moveGate(control, closing, gate.state, context, { fruitless: 0 });
    return false;
  }
  await trip?.beforeStop();
  const { refused } = await instance.stop();
  await moveGate(control, closing, 'CLOSED', context, { fruitless: 0 });
  if (refused)
    log.warn('not stopped yet: EC2 does not take the call in the present state; the sweep tries again');
  else await instance.showPhase('stopping', log);
  return true;
}

import { timestamp } from './clock';
import type { SettleContext } from './settle';
import { moveGate, type GateReading } from './gate';
import { DRAIN_STATUS_KEY } from './job';
import { liveClaims } from './ledger';

/** How a wake-up ended: its drain command did, its instance did, or nothing was heard of it. */
export type WakeUpEnd =
  | { readonly kind: 'drain ended'; readonly id: string }
  | { readonly kind: 'instance stopped'; readonly id: string }
  | { readonly kind: 'silence' };

/** An instance that runs with jobs open must show a claim within this time, first boot included. */
const SILENCE_MS = 10 * 60 * 1000;

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
  const mark = await progressMark(context);
  const seen = gate.gate;
  if (mark !== (seen?.progressMark ?? '')) {
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

/** Changes with every claim and every receipt: the drain rewrites this object at each. */
async function progressMark({ control }: SettleContext): Promise<string> {
  return (await control.getText(DRAIN_STATUS_KEY))?.etag ?? '';
}

/** What to remember the end by if it is to be counted; one wake-up counts once, however many events tell of its end. */
async function countableEnd(
  context: SettleContext,
  { gate }: GateReading,
  end: WakeUpEnd,
): Promise<string | undefined> {
  const { state, launchTime } = await context.instance.read();
  const launch = launchTime.toISOString();
  const lastEnd = gate?.lastEnd ?? '';
  if (end.kind === 'drain ended') {
    const id = `${launch} ${end.id}`;
    return lastEnd === id ? undefined : id;
  }
  if (end.kind === 'instance stopped') return lastEnd.startsWith(launch) ? undefined : `${launch} stopped`;

  const lastSign = Math.max(launchTime.getTime(), Date.parse(gate?.progressAt ?? launch));
  const silent = state === 'running' && context.clock.now() - lastSign > SILENCE_MS;
  if (!silent || (await liveClaims(context)).length > 0) return undefined;
  return `${launch} silence until ${timestamp(context.clock)}`;
}

/**
 * Jobs are open, so the second list after CLOSING cannot protect a model that a drain begins just now. The claims do: the
 * drain writes its claim and then reads the gate again, we write CLOSING and then read the claims; one sees the other.
 */
async function trip(context: SettleContext, gate: GateReading, fruitless: number): Promise<boolean> {
  const { control, instance, log } = context;
  const closing = await moveGate(control, gate, 'CLOSING', context);
  const { hold } = await instance.read();
  if (hold !== undefined || (await liveClaims(context)).length > 0) {
    await moveGate(control, closing, 'OPEN', context, { fruitless: 0 });
    return false;
  }
  const why = `breaker: ${fruitless} wake-ups in a row without work, ${timestamp(context.clock)}`;
  await instance.pause(why);
  await instance.stop();
  await moveGate(control, closing, 'CLOSED', context, { fruitless: 0 });
  await instance.showPhase('stopping', log);
  log.error('breaker tripped: the instance is stopped and paused; open jobs stay open', { fruitless });
  return true;
}

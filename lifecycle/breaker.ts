import { timestamp } from './clock';
import { moveGate, readGate, type GateReading } from './gate';
import { liveClaims } from './ledger';
import { writePause } from './orders';
import type { SettleContext } from './settle-context';
import { noteStop } from './stops';
import { readTrace, type Trace } from './trace';

/** How a wake-up ended: its drain command ended, its instance stopped, or it showed no claim for too long. */
export type WakeUpEnd =
  | { readonly kind: 'drain ended'; readonly id: string }
  | { readonly kind: 'instance stopped'; readonly id: string }
  | { readonly kind: 'silence' };

/** Maximum time without a claim on a running instance with open jobs, first boot included, in milliseconds. */
const SILENCE_MS = 10 * 60 * 1000;

/** Time after a counted end in which other ends belong to the same wake-up, in milliseconds. */
const ONE_WAKE_UP_MS = 60 * 1000;

/**
 * Counts consecutive wake-ups that ended without work: no claim and no receipt. At the limit the breaker trips. It closes
 * the gate, pauses the pipeline and stops the instance. Open jobs stay open. Returns true if the breaker tripped.
 */
export async function breakerTrips(
  context: SettleContext,
  gate: GateReading,
  end: WakeUpEnd,
): Promise<boolean> {
  if (gate.state !== 'OPEN') return false;
  const { control, clock } = context;
  const trace = await readTrace(control);
  // B2
  if (hasNewWork(trace, gate)) {
    await moveGate(control, gate, 'OPEN', context, {
      fruitless: 0,
      progressMark: trace.etag,
      progressAt: timestamp(clock),
    });
    return false;
  }

  const endId = await countableEnd(context, gate, end);
  if (endId === undefined) return false;
  const fruitless = (gate.record?.fruitless ?? 0) + 1;
  const counted = { fruitless, progressAt: timestamp(clock), lastEnd: endId };
  const moved = await moveGate(control, gate, 'OPEN', context, counted);
  context.log.warn('a wake-up ended without a trace of work', { end: end.kind, fruitless });
  return fruitless >= context.breakerWakeUps && trip(context, moved, fruitless);
}

/** True if a drain has written `status/drain.json` since the gate last recorded its ETag. */
function hasNewWork({ etag }: Trace, { record }: GateReading): boolean {
  return etag !== (record?.progressMark ?? '');
}

/**
 * The id of an end that counts, for the gate's `lastEnd`: the launch time, a blank, and what ended. Undefined: the end does
 * not count. Several commands of one wake-up may end one after the other, and then the instance. B5: an end within a minute
 * of the last counted end, or of the last new work, does not count. B8: an end by EC2 itself does not count: it is weather.
 */
async function countableEnd(
  context: SettleContext,
  { record }: GateReading,
  end: WakeUpEnd,
): Promise<string | undefined> {
  const { state, launchTime, stateReason } = await context.instance.read();
  // B8
  if (state === 'stopped' && stateReason?.code.startsWith('Server.') === true) return undefined;
  const launch = launchTime.toISOString();
  const lastEnd = record?.lastEnd ?? '';
  const lastMs = record?.progressAt === undefined ? 0 : Date.parse(record.progressAt);
  const sinceLastMs = context.clock.now() - lastMs;
  if (end.kind === 'silence') {
    const sinceLaunchMs = context.clock.now() - launchTime.getTime();
    if (state !== 'running' || Math.min(sinceLastMs, sinceLaunchMs) <= SILENCE_MS) return undefined;
    if ((await liveClaims(context)).length > 0) return undefined;
    return `${launch} silence until ${timestamp(context.clock)}`;
  }
  const id = `${launch} ${end.id}`;
  if (sinceLastMs < ONE_WAKE_UP_MS || lastEnd === id) return undefined;
  // The last counted end is of the same launch: this stop belongs to the same wake-up.
  if (end.kind === 'instance stopped' && lastEnd.startsWith(launch)) return undefined;
  return id;
}

async function trip(context: SettleContext, gate: GateReading, fruitless: number): Promise<boolean> {
  const why = `breaker: ${fruitless} wake-ups in a row without work, ${timestamp(context.clock)}`;
  const stopped = await stopWithJobsOpen(context, gate, {
    // B4: a drain may have claimed and finished a job between the reads of the trace and of the claims. Then it did work.
    hasNewWork: async () => hasNewWork(await readTrace(context.control), gate),
    why,
    beforeStop: async () => {
      await writePause(context, why);
      await context.instance.pause(why);
    },
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
 * Stops the running instance of a paused pipeline although jobs are open. A trip whose stop failed, or a start by hand,
 * leaves such an instance. If the gate is OPEN, people paused the pipeline during its work. Then the drain finishes its
 * jobs, and the breaker counts as usual. Returns true if this function stopped the instance.
 */
export async function stopIfPaused(context: SettleContext): Promise<boolean> {
  const gate = await readGate(context.control);
  const { state } = await context.instance.read();
  if (gate.state !== 'CLOSED' || (state !== 'running' && state !== 'pending')) return false;
  return stopWithJobsOpen(context, gate);
}

/**
 * Stops the instance unless a drain is working. Jobs are open, so the second list after CLOSING cannot protect a model that
 * a drain begins at this moment. B3: the claims protect it. The drain writes its claim and then reads the gate. This function
 * writes CLOSING and then reads the claims. One of them sees the other's write.
 *
 * Returns false if people hold the instance, if a drain is working, or if a drain did work while the breaker tripped.
 */
async function stopWithJobsOpen(
  context: SettleContext,
  gate: GateReading,
  trip?: {
    readonly why: string;
    readonly hasNewWork: () => Promise<boolean>;
    readonly beforeStop: () => Promise<void>;
  },
): Promise<boolean> {
  const { control, instance, log } = context;
  const closing = await moveGate(control, gate, 'CLOSING', context);
  const reading = await instance.read();
  if (reading.hold !== undefined || (await liveClaims(context)).length > 0 || (await trip?.hasNewWork())) {
    await moveGate(control, closing, gate.state, context, { fruitless: 0 });
    return false;
  }
  await trip?.beforeStop();
  await noteStop(context, reading, trip?.why ?? 'the pipeline is paused');
  const { refused } = await instance.stop();
  await moveGate(control, closing, 'CLOSED', context, { fruitless: 0 });
  if (refused)
    log.warn('not stopped yet: EC2 does not take the call in the present state; the sweep tries again');
  else await instance.showPhase('stopping', log);
  return true;
}

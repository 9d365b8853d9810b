import { readGate, type GateReading } from './gate';
import { anyOpen } from './ledger';
import type { SettleContext } from './settle-context';
import { readTrace, type Trace } from './trace';

/**
 * Default seconds for which the instance stays on after the last job: half of EC2's one-minute minimum for a start.
 *
 * An upload that arrives just after the tail costs another start, for which EC2 bills at least a minute. A scheduler that knew the future would have kept the
 * instance running instead, and paid for a gap longer than the tail. So the bill is at most about twice the optimum.
 * docs/ECONOMY.md has the arithmetic.
 */
export const DEFAULT_LINGER_SECONDS = 30;

/**
 * `tail over`: the gate is still OPEN, and the caller may close it. Otherwise another function settles next, and the caller
 * leaves the gate alone.
 */
export type LingerOutcome =
  { readonly did: 'tail over'; readonly gate: GateReading } | { readonly did: 'left to another' | 'nothing' };

/**
 * L1: keeps the instance on until `lingerSeconds` have passed since the drain's last work, so that the next upload needs no
 * start. A stop saves money only if the pause is longer than the time that the restart bills. Call it only if the gate is
 * OPEN and no job is open.
 */
export async function linger(context: SettleContext, gate: GateReading): Promise<LingerOutcome> {
  const { control, clock, log, lingerSeconds } = context;
  if (lingerSeconds === 0) return { did: 'tail over', gate };
  const trace = await readTrace(control);
  const tailMs = lingerSeconds * 1000 - quietMs(trace, clock.now());
  if (tailMs <= 0) return { did: 'tail over', gate };

  log.info('nothing is open; the instance stays on a little', { seconds: Math.round(tailMs / 1000) });
  await clock.sleep(tailMs);
  // L2: the gate is OPEN, so the trigger that admitted this job has started the instance.
  if (await anyOpen(control)) return { did: 'nothing' };
  // L3: a drain finished a job during the sleep. The event of that job's receipt starts a new tail.
  if ((await readTrace(control)).etag !== trace.etag) return { did: 'left to another' };
  const now = await readGate(control);
  return now.state === 'OPEN' ? { did: 'tail over', gate: now } : { did: 'left to another' };
}

/** Milliseconds since the drain's last work, from the instance's clock to this function's clock. */
function quietMs({ last }: Trace, now: number): number {
  if (!last) return Infinity;
  // No job is open, so the claimed job has just ended, and the drain has not yet written that to the trace.
  if (last.did === 'claimed') return 0;
  return Math.max(0, now - Date.parse(last.at));
}

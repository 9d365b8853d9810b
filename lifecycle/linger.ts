import { readGate, type GateReading } from './gate';
import { anyOpen } from './ledger';
import type { SettleContext } from './settle-context';
import { readTrace, type Trace } from './trace';

/**
 * Half of the minute that EC2 bills for a start at least. An upload that misses the tail costs a new start, a minute; whoever had
 * known of it would have stayed on for it, and paid for a pause longer than the tail. docs/ECONOMY.md has the arithmetic.
 */
export const DEFAULT_LINGER_SECONDS = 30;

/** `closes`: the tail is over and the gate is still open. Otherwise it is for somebody else to look at the ledger next. */
export type Lingered =
  { readonly did: 'closes'; readonly gate: GateReading } | { readonly did: 'left to another' | 'nothing' };

/**
 * Nothing is open behind an open gate: keeps the instance on until `lingerSeconds` have passed since the drain's last work, for an
 * upload that finds it warm. A stop is worth its restart only after a pause as long as what the restart bills.
 */
export async function linger(context: SettleContext, gate: GateReading): Promise<Lingered> {
  const { control, clock, log, lingerSeconds } = context;
  if (lingerSeconds === 0) return { did: 'closes', gate };
  const trace = await readTrace(control);
  const tailMs = lingerSeconds * 1000 - quietMs(trace, clock.now());
  if (tailMs <= 0) return { did: 'closes', gate };

  log.info('nothing is open; the instance stays on a little', { seconds: Math.round(tailMs / 1000) });
  await clock.sleep(tailMs);
  // Behind the open gate, whoever has admitted it has woken for it.
  if (await anyOpen(control)) return { did: 'nothing' };
  // What a drain has ended meanwhile has a tail of its own, after its own event.
  if ((await readTrace(control)).mark !== trace.mark) return { did: 'left to another' };
  const now = await readGate(control);
  return now.state === 'OPEN' ? { did: 'closes', gate: now } : { did: 'left to another' };
}

/** How long the drain has been without work, by the instance's clock and ours. */
function quietMs({ last }: Trace, now: number): number {
  if (!last) return Infinity;
  // Nothing is open, so what was claimed last has just ended; the trace of that is still to be written.
  if (last.did === 'claimed') return 0;
  return Math.max(0, now - Date.parse(last.at));
}

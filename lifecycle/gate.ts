import type { Clock } from './clock';
import { timestamp } from './clock';
import { InvalidInputError } from './errors';
import { GATE_KEY } from './job';
import { gateSchema, parseRecord, type Gate } from './records';
import type { Store } from './store';

/** The gate as it was read. What cannot be read as a gate counts as CLOSED, and is replaced by the next write. */
export interface GateReading {
  readonly state: Gate['state'];
  readonly gate: Gate | undefined;
  /** Undefined: there is no object yet. */
  readonly etag: string | undefined;
}

/** Who moves the gate, and when. */
export interface GateMover {
  readonly clock: Clock;
  /** The function and its request id, for people who read the gate. */
  readonly by: string;
}

export async function readGate(control: Store): Promise<GateReading> {
  const stored = await control.getText(GATE_KEY);
  if (!stored) return { state: 'CLOSED', gate: undefined, etag: undefined };
  try {
    const gate = parseRecord(gateSchema, GATE_KEY, stored.text);
    return { state: gate.state, gate, etag: stored.etag };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return { state: 'CLOSED', gate: undefined, etag: stored.etag };
  }
}

/**
 * Moves the gate from what was read to `state`, by compare-and-set; the breaker's count goes along.
 * Throws ConflictError when another writer came first.
 */
export async function moveGate(
  control: Store,
  from: GateReading,
  state: Gate['state'],
  { clock, by }: GateMover,
  breaker: Partial<Pick<Gate, 'fruitless' | 'progressMark' | 'progressAt' | 'lastEnd'>> = {},
): Promise<GateReading> {
  const now = timestamp(clock);
  const next: Omit<Gate, 'nonce'> = {
    version: 1,
    state,
    since: from.gate?.state === state && state !== 'CLOSING' ? from.gate.since : now,
    by,
    fruitless: from.gate?.fruitless ?? 0,
    progressMark: from.gate?.progressMark ?? '',
    progressAt: from.gate?.progressAt,
    lastEnd: from.gate?.lastEnd ?? '',
    ...breaker,
  };
  const stored =
    from.etag === undefined
      ? await control.createStored<Gate>(GATE_KEY, next)
      : await control.replace<Gate>(GATE_KEY, next, from.etag);
  return { state, gate: stored.record, etag: stored.etag };
}

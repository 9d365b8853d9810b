import type { Clock } from './clock';
import { timestamp } from './clock';
import { InvalidInputError } from './errors';
import { GATE_KEY } from './job';
import { gateSchema, parseRecord, type Gate } from './records';
import type { Store } from './store';

/**
 * Seconds beyond the stop function's time limit after which a CLOSING gate is abandoned. The clocks of two functions may
 * differ, and the last request of a dead function may still be under way.
 */
export const CLOSING_MARGIN_SECONDS = 30;

/** The gate as it was read. An unreadable gate counts as CLOSED, and the next write replaces it. */
export interface GateReading {
  readonly state: Gate['state'];
  /** Undefined: there is no record, or the record is unreadable. */
  readonly record: Gate | undefined;
  /** Undefined: there is no object yet. */
  readonly etag: string | undefined;
}

/** The writer of the gate and its clock. */
export interface GateMover {
  readonly clock: Clock;
  /** The function and its request id, for people who read the gate. */
  readonly by: string;
}

export async function readGate(control: Store): Promise<GateReading> {
  const stored = await control.getText(GATE_KEY);
  if (!stored) return { state: 'CLOSED', record: undefined, etag: undefined };
  try {
    const record = parseRecord(gateSchema, GATE_KEY, stored.text);
    return { state: record.state, record, etag: stored.etag };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return { state: 'CLOSED', record: undefined, etag: stored.etag };
  }
}

/**
 * Moves the gate from `from` to `state`, by compare-and-set. The new record keeps the breaker's fields, except those given.
 * Throws ConflictError if another writer came first.
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
    since: from.record?.state === state && state !== 'CLOSING' ? from.record.since : now,
    by,
    fruitless: from.record?.fruitless ?? 0,
    progressMark: from.record?.progressMark ?? '',
    progressAt: from.record?.progressAt,
    lastEnd: from.record?.lastEnd ?? '',
    ...breaker,
  };
  const stored =
    from.etag === undefined
      ? await control.createStored<Gate>(GATE_KEY, next)
      : await control.replace<Gate>(GATE_KEY, next, from.etag);
  return { state, record: stored.record, etag: stored.etag };
}

import { timestamp } from './clock';
import type { LedgerContext } from './context';
import { RetryLaterError } from './errors';
import { GATE_KEY } from './job';
import { gateSchema, type Gate } from './records';
import type { Reading, Store } from './store';

/**
 * Seconds beyond the stop function's time limit after which a CLOSING gate is abandoned. The clocks of two functions may
 * differ, and the last request of a dead function may still be under way.
 */
export const CLOSING_MARGIN_SECONDS = 30;

/**
 * The gate as it was read. An unreadable gate counts as CLOSED, and the next write replaces it. A gate of a newer release
 * counts as CLOSED too, and no write replaces it.
 */
export interface GateReading extends Pick<Reading<Gate>, 'record' | 'etag' | 'isNewer'> {
  readonly state: Gate['state'];
}

export async function readGate(control: Store): Promise<GateReading> {
  const reading = await control.read(GATE_KEY, gateSchema);
  return { state: reading.record?.state ?? 'CLOSED', ...reading };
}

/** N4: this release does not change a record of a newer release. Throws RetryLaterError for such a gate. */
export function refuseNewerGate({ isNewer }: GateReading): void {
  if (!isNewer) return;
  throw new RetryLaterError(
    `${GATE_KEY} is of a newer release, so this release starts and stops nothing; deploy the newer release again`,
  );
}

/**
 * Moves the gate from `from` to `state`, by compare-and-set. The new record keeps the breaker's fields, except those given.
 * Throws ConflictError if another writer came first, and RetryLaterError if the gate is of a newer release.
 */
export async function moveGate(
  control: Store,
  from: GateReading,
  state: Gate['state'],
  { clock, by }: Pick<LedgerContext, 'clock' | 'by'>,
  breaker: Partial<Pick<Gate, 'fruitless' | 'progressMark' | 'progressAt' | 'lastEnd'>> = {},
): Promise<GateReading> {
  refuseNewerGate(from);
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
  return { state, isNewer: false, ...(await control.replace<Gate>(GATE_KEY, next, from.etag)) };
}

import { timestamp } from './clock';
import type { LedgerContext } from './context';
import { ConflictError, httpStatusOf } from './errors';
import { readGate, refuseNewerGate, type GateReading } from './gate';
import { WAKE_REQUEST_KEY } from './job';
import { anyLiveClaim } from './ledger';
import { wakeRequestSchema, type WakeRequest } from './records';
import type { Reading } from './store';

/** Time for which one trigger's request to EC2 counts for the others, in milliseconds. A start takes less, from the call to the first claim. */
const REQUEST_MS = 120_000;

/** Maximum attempts to write the request while other triggers write theirs. */
const REQUEST_TRIES = 4;

/**
 * `mine`: this trigger asks EC2 to start the instance. `of another`: another trigger has asked EC2, or asks now. `working`: a
 * drain has a live claim.
 */
export type RequestOutcome = 'mine' | 'of another' | 'working';

/**
 * Decides whether this trigger asks EC2 to start the instance. Call it only after the open records are written. Each trigger
 * of a burst would else call EC2, and EC2 throttles these calls for the whole account. docs/ARCHITECTURE.md has the argument.
 */
export async function requestWake(context: LedgerContext): Promise<RequestOutcome> {
  const { control, clock, by } = context;
  for (let tries = 0; tries < REQUEST_TRIES; tries += 1) {
    const gate = await readGate(control);
    refuseNewerGate(gate);
    const request = await control.read(WAKE_REQUEST_KEY, wakeRequestSchema);
    // W9
    if (isYoung(request, clock.now()) && isFor(request.record, gate)) {
      // Lambda repeats a function that failed, with the same request id.
      return request.record?.by === by ? 'mine' : 'of another';
    }
    // W10
    if (gate.state === 'OPEN' && (await anyLiveClaim(context))) return 'working';
    if (request.isNewer) return 'mine';
    const mine = { version: 1, gate: gate.etag ?? '', by, at: timestamp(clock) } as const;
    try {
      await control.replace<WakeRequest>(WAKE_REQUEST_KEY, mine, request.etag);
      return 'mine';
    } catch (error) {
      if (!(error instanceof ConflictError) && httpStatusOf(error) !== 409) throw error;
    }
  }
  return 'of another';
}

function isYoung({ lastModified }: Reading<WakeRequest>, now: number): boolean {
  return lastModified !== undefined && now - lastModified.getTime() < REQUEST_MS;
}

/** Whether the request found the gate as it is now, or its start has opened the gate. */
function isFor(request: WakeRequest | undefined, gate: GateReading): boolean {
  if (!request) return false;
  if (request.gate === (gate.etag ?? '')) return true;
  return gate.state === 'OPEN' && gate.record?.by === request.by;
}

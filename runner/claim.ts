import { timestamp } from '../lifecycle/clock';
import { ConflictError, InvalidInputError } from '../lifecycle/errors';
import { claimKey } from '../lifecycle/job';
import { claimSchema, parseRecord, type Claim } from '../lifecycle/records';
import type { Stored } from '../lifecycle/store';
import type { DrainContext } from './context';

/** What stands at a job's claim key. */
export interface ClaimReading {
  /** Undefined with an ETag: what is there is not a claim. */
  readonly claim: Claim | undefined;
  /** Undefined: nothing is there. */
  readonly etag: string | undefined;
}

/** Whether a drain may claim a job, and what is known of the attempts before. */
export type Claimable =
  | { readonly free: true; readonly attempts: number; readonly ending: string | undefined }
  | { readonly free: false; readonly heldUntil: number };

export async function readClaim({ control }: DrainContext, jobId: string): Promise<ClaimReading> {
  const stored = await control.getText(claimKey(jobId));
  if (!stored) return { claim: undefined, etag: undefined };
  try {
    return { claim: parseRecord(claimSchema, claimKey(jobId), stored.text), etag: stored.etag };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return { claim: undefined, etag: stored.etag };
  }
}

/** The rule of the claim: free if there is none, or it is released, of an earlier boot, expired, or this drain's own. */
export function claimable(
  { claim, etag }: ClaimReading,
  self: { readonly bootId: string; readonly drainId: string; readonly now: number },
): Claimable {
  if (etag === undefined) return { free: true, attempts: 0, ending: undefined };
  // Somebody has written over the claim; that an attempt was begun is the safe guess.
  if (!claim) return { free: true, attempts: 1, ending: 'its claim record cannot be read' };

  const before = (ending: string): Claimable => ({ free: true, attempts: claim.attempt, ending });
  if (claim.released !== undefined) return before(claim.released);
  if (claim.bootId !== self.bootId) return before('the machine went down while it ran');
  if (claim.drainId === self.drainId) return before('its end could not be recorded');
  const heldUntil = Date.parse(claim.leaseUntil);
  return heldUntil <= self.now ? before('its drain died: the lease ran out') : { free: false, heldUntil };
}

/** Claims attempt `attempt` over what was read. Undefined: another drain was quicker. */
export async function takeClaim(
  context: DrainContext,
  jobId: string,
  attempt: number,
  over: ClaimReading,
): Promise<Stored<Claim> | undefined> {
  const { control, host, drainId, clock } = context;
  const claim: Omit<Claim, 'nonce'> = {
    version: 1,
    jobId,
    attempt,
    bootId: host.bootId,
    drainId,
    claimedAt: timestamp(clock),
    leaseUntil: leaseEnd(context),
  };
  try {
    return over.etag === undefined
      ? await control.createStored<Claim>(claimKey(jobId), claim)
      : await control.replace<Claim>(claimKey(jobId), claim, over.etag);
  } catch (error) {
    if (error instanceof ConflictError) return undefined;
    throw error;
  }
}

/** Undoes a claim whose attempt never began, so that it does not count. `ending`: how the attempt before it ended. */
export async function giveBackClaim(
  { control }: DrainContext,
  { record, etag }: Stored<Claim>,
  ending: string | undefined,
): Promise<void> {
  if (record.attempt === 1) {
    await control.delete(claimKey(record.jobId));
    return;
  }
  const before = { ...record, attempt: record.attempt - 1, released: ending ?? 'unknown' };
  await control.replace<Claim>(claimKey(record.jobId), before, etag);
}

export function leaseEnd({ clock, config }: DrainContext): string {
  return new Date(clock.now() + config.leaseSeconds * 1000).toISOString();
}

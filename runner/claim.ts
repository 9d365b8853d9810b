import { timestamp } from '../lifecycle/clock';
import { ConflictError } from '../lifecycle/errors';
import { claimKey } from '../lifecycle/job';
import { claimSchema, type Claim } from '../lifecycle/records';
import type { Stored } from '../lifecycle/store';
import type { DrainContext } from './context';

/** The object at a job's claim key. */
export interface ClaimReading {
  /** Undefined with an ETag: the object is not a claim. */
  readonly claim: Claim | undefined;
  /** Undefined: there is no object. */
  readonly etag: string | undefined;
}

/** Whether a drain may claim a job, the number of attempts so far, and how the last of them ended. */
export type Claimable =
  | { readonly free: true; readonly attempts: number; readonly previousEnding: string | undefined }
  | { readonly free: false; readonly heldUntil: number };

export async function readClaim({ control }: DrainContext, jobId: string): Promise<ClaimReading> {
  const { record, etag } = await control.read(claimKey(jobId), claimSchema);
  return { claim: record, etag };
}

/**
 * Decides whether a job is free. The job is free if it has no claim, or if its claim is released, of an earlier boot,
 * expired, or this drain's own.
 */
export function claimable(
  { claim, etag }: ClaimReading,
  self: { readonly bootId: string; readonly drainId: string; readonly now: number },
): Claimable {
  if (etag === undefined) return { free: true, attempts: 0, previousEnding: undefined };
  // The object was overwritten with something else. To count one attempt is the safe guess.
  if (!claim) return { free: true, attempts: 1, previousEnding: 'its claim record cannot be read' };

  const free = (previousEnding: string): Claimable => ({
    free: true,
    attempts: claim.attempt,
    previousEnding,
  });
  if (claim.released !== undefined) return free(claim.released);
  // D6
  if (claim.bootId !== self.bootId) return free('the machine went down while it ran');
  if (claim.drainId === self.drainId) return free('its end could not be recorded');
  const heldUntil = Date.parse(claim.leaseUntil);
  // D5, D6
  return heldUntil <= self.now ? free('its drain died: the lease ran out') : { free: false, heldUntil };
}

/**
 * Writes the claim for attempt `attempt`, if the claim key is as `present` says. Undefined: another drain was faster.
 */
export async function takeClaim(
  context: DrainContext,
  jobId: string,
  attempt: number,
  present: ClaimReading,
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
    return await control.replace<Claim>(claimKey(jobId), claim, present.etag);
  } catch (error) {
    if (error instanceof ConflictError) return undefined;
    throw error;
  }
}

/** Undoes a claim whose attempt never began, so that the attempt does not count. Keeps how the previous one ended. */
export async function giveBackClaim(
  { control }: DrainContext,
  { record, etag }: Stored<Claim>,
  previousEnding: string | undefined,
): Promise<void> {
  if (record.attempt === 1) {
    await control.delete(claimKey(record.jobId));
    return;
  }
  const previous = { ...record, attempt: record.attempt - 1, released: previousEnding ?? 'unknown' };
  await control.replace<Claim>(claimKey(record.jobId), previous, etag);
}

export function leaseEnd({ clock, config }: DrainContext): string {
  return new Date(clock.now() + config.leaseSeconds * 1000).toISOString();
}

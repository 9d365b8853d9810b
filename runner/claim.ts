import { timestamp } from '../lifecycle/clock';
import { ConflictError } from '../lifecycle/errors';
import { claimKey } from '../lifecycle/job';
import { CLAIM_METADATA, claimSchema, type Claim } from '../lifecycle/records';
import type { Metadata, Reading, Stored } from '../lifecycle/store';
import type { DrainContext } from './context';
import type { Host } from './host';

/*
 * A claim names the machine, the boot, the drain and the attempt. Why no two attempts at a job have an effect:
 *
 * 1. A drain holds its machine's lock. So every claim of the same machine that is not its own is of a dead drain.
 * 2. A drain of another machine may be alive. Its claim ends by its release, or by its lease: the object has not changed for
 *    the duration of a lease, by this machine's own clock. No two clocks are compared.
 * 3. A claim is taken by compare-and-set on the claim that was read. So of two drains that find it free, one fails.
 * 4. An attempt whose claim another writer has replaced notices that at its next renewal, and is killed. Until then it writes
 *    below its own prefix only. Its receipt is created, never replaced. Its records are written by compare-and-set. So what it
 *    does after the loss has no effect.
 */

/** The object at a job's claim key. Without a record but with an ETag, the object is not a claim. */
export type ClaimReading = Reading<Claim>;

/**
 * Whether a drain may claim a job.
 *
 * - `free`: there is no claim, or its attempt has ended and its end is noted.
 * - `own`: of this drain, which does not run the job: an end of its own that it could not write.
 * - `dead`: of a dead drain of this machine. Its end is not noted yet.
 * - `held`: of another machine, or of a newer release.
 */
export type Claimable = 'free' | 'own' | 'dead' | 'held';

export function readClaim({ control }: Pick<DrainContext, 'control'>, jobId: string): Promise<ClaimReading> {
  return control.read(claimKey(jobId), claimSchema);
}

export function claimable(
  { record: claim, etag, metadata, isNewer }: ClaimReading,
  self: { readonly machineId: string; readonly drainId: string },
): Claimable {
  if (isNewer) return 'held';
  // The object was overwritten with something else. Numbers of its attempts are in other records.
  if (etag === undefined || !claim || claim.released !== undefined) return 'free';
  if (claim.drainId === self.drainId) return 'own';
  // D5. Claims of the first release name no machine: there was one.
  const machine = metadata[CLAIM_METADATA.machine] ?? self.machineId;
  // D6
  return machine === self.machineId ? 'dead' : 'held';
}

/** Ends the claims of other machines by their leases: a claim is dead when its object has not changed for a lease. */
export class ForeignClaims {
  private readonly seen = new Map<string, { readonly etag: string; readonly since: number }>();

  /** True if the lease has ended. Call it at each look at the claim. */
  hasExpired({ clock, config }: DrainContext, jobId: string, etag: string): boolean {
    const before = this.seen.get(jobId);
    if (before?.etag !== etag) {
      this.seen.set(jobId, { etag, since: clock.now() });
      return false;
    }
    return clock.now() - before.since >= config.leaseSeconds * 1000;
  }
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
    return await control.replace<Claim>(claimKey(jobId), claim, present.etag, claimMetadata(host));
  } catch (error) {
    if (error instanceof ConflictError) return undefined;
    throw error;
  }
}

/**
 * Undoes a claim whose attempt never began: the claim is again as it was before.
 * @param before the claim that was there, or undefined
 */
export async function giveBackClaim(
  { control }: DrainContext,
  { record, etag }: Stored<Claim>,
  { record: before, metadata }: ClaimReading,
): Promise<void> {
  if (before) await control.replace<Claim>(claimKey(record.jobId), before, etag, metadata);
  else await control.delete(claimKey(record.jobId));
}

export function leaseEnd({ clock, config }: DrainContext): string {
  return new Date(clock.now() + config.leaseSeconds * 1000).toISOString();
}

function claimMetadata({ machineId, launchedAt }: Host): Metadata {
  return {
    [CLAIM_METADATA.machine]: machineId,
    ...(launchedAt !== undefined && { [CLAIM_METADATA.launchedAt]: launchedAt }),
  };
}

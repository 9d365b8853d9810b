import { ConflictError, messageOf } from '../lifecycle/errors';
import { claimKey } from '../lifecycle/job';
import type { Log } from '../lifecycle/log';
import type { Claim } from '../lifecycle/records';
import type { Stored } from '../lifecycle/store';
import { leaseEnd, readClaim } from './claim';
import type { DrainContext } from './context';
import { ClaimLostError } from './failures';
import { sleepUnlessAborted } from './wait';

/** Time between two renewals, as a share of the lease. */
const RENEWAL_SHARE = 1 / 15;

/** Wait before the retry of a failed renewal, as a share of the lease. */
const RETRY_SHARE = 1 / 60;

/**
 * D7: renews a claim by compare-and-set while its attempt runs. Aborts `lost` with a ClaimLostError when another writer has
 * the claim. A lease that expires ends nothing here. The drain holds the machine's lock, so no other drain of this machine
 * takes the job, and one of another machine writes its own claim first.
 */
export class Lease {
  private readonly losing = new AbortController();
  /** Aborted when the lease is stopped or lost. */
  private readonly ending = new AbortController();
  private readonly renewals: Promise<void>;

  constructor(
    private readonly context: DrainContext,
    private held: Stored<Claim>,
    private readonly log: Log,
  ) {
    this.renewals = this.renewUntilStopped();
  }

  get lost(): AbortSignal {
    return this.losing.signal;
  }

  get claim(): Claim {
    return this.held.record;
  }

  /** Ends the renewals and leaves the claim as it is. Settles when the last renewal has settled. Idempotent. */
  async stop(): Promise<void> {
    this.ending.abort('stopped');
    await this.renewals;
  }

  /** Marks the claim as released, so that a drain may claim the job again at once. Throws ClaimLostError. */
  async release(why: string): Promise<void> {
    await this.stop();
    await this.write({ ...this.claim, released: why });
  }

  private async renewUntilStopped(): Promise<void> {
    const leaseMs = this.context.config.leaseSeconds * 1000;
    let wait = leaseMs * RENEWAL_SHARE;
    while (await this.isHeldAfter(wait)) {
      try {
        await this.write({ ...this.claim, leaseUntil: leaseEnd(this.context) });
        wait = leaseMs * RENEWAL_SHARE;
      } catch (error) {
        if (error instanceof ClaimLostError) this.lose(error);
        else this.log.warn('lease not renewed, trying again', { error: messageOf(error) });
        wait = leaseMs * RETRY_SHARE;
      }
    }
  }

  private async write(claim: Claim): Promise<void> {
    const { control } = this.context;
    const key = claimKey(claim.jobId);
    const { metadata } = this.held;
    try {
      this.held = await control.replace<Claim>(key, claim, this.held.etag, metadata);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      const { record: present, etag } = await readClaim(this.context, claim.jobId);
      const isOurs = present?.drainId === claim.drainId && present.attempt === claim.attempt;
      // Ours: the result of our own write, whose answer was lost. Gone: a person has deleted it.
      if (etag !== undefined && !isOurs) throw new ClaimLostError('another drain has the claim');
      this.held = await control.replace<Claim>(key, claim, etag, metadata);
    }
  }

  private async isHeldAfter(milliseconds: number): Promise<boolean> {
    await sleepUnlessAborted(this.context.clock, milliseconds, this.ending.signal);
    return !this.ending.signal.aborted;
  }

  private lose(why: ClaimLostError): void {
    this.losing.abort(why);
    this.ending.abort(why);
  }
}

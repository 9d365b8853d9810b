import { ConflictError, messageOf } from '../lifecycle/errors';
import { claimKey } from '../lifecycle/job';
import type { Log } from '../lifecycle/log';
import type { Claim } from '../lifecycle/records';
import type { Stored } from '../lifecycle/store';
import { leaseEnd, readClaim } from './claim';
import type { DrainContext } from './context';
import { LeaseLostError } from './failures';
import { sleepUnlessAborted } from './wait';

/** Wait before the retry of a failed renewal, as a share of the lease. */
const RETRY_SHARE = 1 / 12;

/**
 * D7: renews a claim by compare-and-set, every third of the lease, while its attempt runs. Aborts `lost` with a
 * LeaseLostError when another writer has the claim, or when the lease expires before a renewal succeeds.
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
    this.renewals = Promise.all([this.renewUntilStopped(), this.watchExpiry()]).then(() => undefined);
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

  /**
   * Marks the claim as released, so that a drain may claim the job again at once. Does nothing to another drain's
   * claim.
   */
  async release(why: string): Promise<void> {
    await this.stop();
    const { control } = this.context;
    const key = claimKey(this.claim.jobId);
    const released: Claim = { ...this.claim, released: why };
    try {
      await control.replace<Claim>(key, released, this.held.etag);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      // The ETag may be the result of our own renewal, whose answer was lost.
      const { claim, etag } = await readClaim(this.context, this.claim.jobId);
      const ours = claim?.drainId === this.claim.drainId && claim.attempt === this.claim.attempt;
      if (ours && etag !== undefined) await control.replace<Claim>(key, released, etag);
    }
  }

  private async renewUntilStopped(): Promise<void> {
    const leaseMs = this.context.config.leaseSeconds * 1000;
    let wait = leaseMs / 3;
    while (await this.stillHeldAfter(wait)) {
      try {
        const next: Claim = { ...this.claim, leaseUntil: leaseEnd(this.context) };
        this.held = await this.context.control.replace<Claim>(claimKey(next.jobId), next, this.held.etag);
        wait = leaseMs / 3;
      } catch (error) {
        if (error instanceof ConflictError) {
          this.lose(new LeaseLostError('the claim was taken over by another drain', true));
        } else {
          this.log.warn('lease not renewed, trying again', { error: messageOf(error) });
          wait = leaseMs * RETRY_SHARE;
        }
      }
    }
  }

  /** Runs beside the renewals, because a renewal that hangs must not delay the end of the lease. */
  private async watchExpiry(): Promise<void> {
    const { clock } = this.context;
    const left = () => Date.parse(this.claim.leaseUntil) - clock.now();
    while (left() > 0) {
      if (!(await this.stillHeldAfter(left()))) return;
    }
    this.lose(new LeaseLostError('the lease ran out before it could be renewed', false));
  }

  private async stillHeldAfter(milliseconds: number): Promise<boolean> {
    await sleepUnlessAborted(this.context.clock, milliseconds, this.ending.signal);
    return !this.ending.signal.aborted;
  }

  private lose(why: LeaseLostError): void {
    if (this.ending.signal.aborted) return;
    this.losing.abort(why);
    this.ending.abort(why);
  }
}

import * as z from 'zod/mini';
import { equalShares, secondsOf } from '../lifecycle/bill';
import type { Clock } from '../lifecycle/clock';
import { messageOf } from '../lifecycle/errors';
import type { Log } from '../lifecycle/log';
import { parseRecord, type Bill, type DrainStatus } from '../lifecycle/records';
import type { Host } from './host';

type MeterHost = Pick<Host, 'bootId' | 'uptimeSeconds' | 'readAccount' | 'writeAccount'>;

/** How many of a boot's seconds are on receipts. The account is on the machine's disk, so that the next drain finds it. */
const accountSchema = z.strictObject({
  version: z.literal(1),
  bootId: z.string(),
  /** Read from the machine's clock by the boot's first drain. */
  bootedAt: z.iso.datetime(),
  /** Seconds from the boot to its first job. Absent until that job begins. */
  bootSeconds: z.optional(z.int().check(z.minimum(0))),
  billedSeconds: z.int().check(z.minimum(0)),
});

type Account = z.infer<typeof accountSchema>;

/**
 * Puts every whole second of a boot onto at most one receipt:
 * - A second with one running job belongs to that job.
 * - Several running jobs share their seconds equally. The remainder goes one each to the jobs that began first.
 * - Seconds before the boot's first job, and seconds without any job, go to the next receipt.
 * - Seconds of an attempt without a receipt go to the next receipt too.
 * - Seconds on no receipt are the session's tail.
 *
 * The account counts seconds as billed before their receipt is written. If a drain dies between the two writes, those
 * seconds go to the tail. So no second is billed twice.
 */
export class Meter {
  private account: Account;
  /** Seconds for the next receipt, of any job. */
  private waiting = { bootSeconds: 0, idleSeconds: 0, runSeconds: 0 };
  /** The running jobs and their seconds, in the order in which the jobs began. */
  private readonly running = new Map<string, number>();
  private countedTo: number;
  private writing: Promise<boolean> = Promise.resolve(true);

  private constructor(
    private readonly host: MeterHost,
    private readonly log: Log,
    account: Account,
    isKnown: boolean,
  ) {
    this.account = account;
    this.countedTo = account.billedSeconds;
    this.countedTo = this.now();
    if (!isKnown) return;
    const left = this.countedTo - account.billedSeconds;
    const boot = account.billedSeconds === 0 ? Math.min(account.bootSeconds ?? left, left) : 0;
    this.waiting = { bootSeconds: boot, idleSeconds: left - boot, runSeconds: 0 };
  }

  /** Continues the account of this boot's last drain. */
  static async open(host: MeterHost, clock: Clock, log: Log): Promise<Meter> {
    const uptime = host.uptimeSeconds();
    const bootedAt = new Date(Math.round(clock.now() - uptime * 1000)).toISOString();
    const fresh: Account = { version: 1, bootId: host.bootId, bootedAt, billedSeconds: 0 };
    try {
      const text = await host.readAccount();
      const last = text === undefined ? undefined : parseRecord(accountSchema, 'the account', text);
      return new Meter(host, log, last?.bootId === host.bootId ? last : fresh, true);
    } catch (error) {
      const fact = 'the account of this boot cannot be read; its seconds so far go to the tail';
      log.warn(fact, { error: messageOf(error) });
      return new Meter(host, log, { ...fresh, bootSeconds: 0, billedSeconds: Math.floor(uptime) }, false);
    }
  }

  /** The seconds on this boot's receipts so far, for the drain's trace of work. */
  get billed(): NonNullable<DrainStatus['billed']> {
    return { session: this.account.bootedAt, seconds: this.account.billedSeconds };
  }

  begins(jobId: string): void {
    this.advance();
    this.running.set(jobId, this.running.get(jobId) ?? 0);
    if (this.account.bootSeconds !== undefined) return;
    this.account = { ...this.account, bootSeconds: this.countedTo };
    void this.write();
  }

  /** Ends an attempt. If it has no receipt, its seconds go to the next receipt. */
  ends(jobId: string): void {
    this.advance();
    this.waiting.runSeconds += this.running.get(jobId) ?? 0;
    this.running.delete(jobId);
  }

  /** The bill for the job's receipt. Undefined: the account cannot be written to the disk. */
  async bill(jobId: string): Promise<Bill | undefined> {
    this.ends(jobId);
    const bill: Bill = { session: this.account.bootedAt, ...this.waiting };
    this.waiting = { bootSeconds: 0, idleSeconds: 0, runSeconds: 0 };
    const { bootSeconds = this.countedTo, billedSeconds } = this.account;
    this.account = { ...this.account, bootSeconds, billedSeconds: billedSeconds + secondsOf(bill) };
    if (await this.write()) return bill;
    this.takeBack(bill);
    return undefined;
  }

  /** Takes back a bill whose receipt was certainly not written. */
  takeBack(bill: Bill): void {
    this.account = { ...this.account, billedSeconds: this.account.billedSeconds - secondsOf(bill) };
    this.waiting.bootSeconds += bill.bootSeconds;
    this.waiting.idleSeconds += bill.idleSeconds;
    this.waiting.runSeconds += bill.runSeconds;
  }

  private advance(): void {
    const now = this.now();
    const passed = now - this.countedTo;
    this.countedTo = now;
    if (this.running.size === 0) {
      if (this.account.bootSeconds === undefined) this.waiting.bootSeconds += passed;
      else this.waiting.idleSeconds += passed;
      return;
    }
    const jobs = [...this.running];
    const shares = equalShares(passed, jobs.length);
    jobs.forEach(([jobId, seconds], index) => this.running.set(jobId, seconds + (shares[index] ?? 0)));
  }

  private now(): number {
    return Math.max(this.countedTo, Math.floor(this.host.uptimeSeconds()));
  }

  /** Writes the account after the previous write has ended. Returns true if the account is on the disk. */
  private write(): Promise<boolean> {
    this.writing = this.writing.then(async () => {
      try {
        await this.host.writeAccount(JSON.stringify(this.account));
        return true;
      } catch (error) {
        const fact = 'the account is not written; the next receipt carries these seconds';
        this.log.warn(fact, { error: messageOf(error) });
        return false;
      }
    });
    return this.writing;
  }
}

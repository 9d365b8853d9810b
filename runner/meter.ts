import { z } from 'zod';
import { apportion, secondsOf } from '../lifecycle/bill';
import type { Clock } from '../lifecycle/clock';
import { messageOf } from '../lifecycle/errors';
import type { Log } from '../lifecycle/log';
import { parseRecord, type Bill, type DrainStatus } from '../lifecycle/records';
import type { Host } from './host';

type MeterHost = Pick<Host, 'bootId' | 'uptimeSeconds' | 'readAccount' | 'writeAccount'>;

/** What of a boot's seconds stands in receipts; on the machine's disk, so that it outlives a drain. */
const accountSchema = z.strictObject({
  version: z.literal(1),
  bootId: z.string(),
  /** By the machine's clock when a drain first looked. */
  bootedAt: z.iso.datetime(),
  /** Until the first job began; absent before that. */
  bootSeconds: z.int().min(0).optional(),
  billedSeconds: z.int().min(0),
});

type Account = z.infer<typeof accountSchema>;

/**
 * Puts every whole second of a boot onto one receipt at most. Seconds with one job under way are that job's; with several, each
 * has an equal share, and those left over go one each to the jobs that began first. Seconds before the boot's first
 * job, and without any job, go to the next receipt, and so do those of attempts that got none. What no receipt takes is the session's tail.
 *
 * Seconds are written down as billed before their receipt is, so a drain that dies between the two leaves them to the tail:
 * they are never billed twice.
 */
export class Meter {
  private account: Account;
  /** For the next receipt, whoever's it is. */
  private waiting = { bootSeconds: 0, idleSeconds: 0, runSeconds: 0 };
  /** The jobs under way, in the order in which they began. */
  private readonly underWay = new Map<string, number>();
  private at: number;
  private writing: Promise<boolean> = Promise.resolve(true);

  private constructor(
    private readonly host: MeterHost,
    private readonly log: Log,
    account: Account,
    kept: boolean,
  ) {
    this.account = account;
    this.at = account.billedSeconds;
    this.at = this.now();
    if (!kept) return;
    const left = this.at - account.billedSeconds;
    const boot = account.billedSeconds === 0 ? Math.min(account.bootSeconds ?? left, left) : 0;
    this.waiting = { bootSeconds: boot, idleSeconds: left - boot, runSeconds: 0 };
  }

  /** Goes on where the last drain of this boot has ended. */
  static async open(host: MeterHost, clock: Clock, log: Log): Promise<Meter> {
    const uptime = host.uptimeSeconds();
    const bootedAt = new Date(Math.round(clock.now() - uptime * 1000)).toISOString();
    const fresh: Account = { version: 1, bootId: host.bootId, bootedAt, billedSeconds: 0 };
    try {
      const text = await host.readAccount();
      const last = text === undefined ? undefined : parseRecord(accountSchema, 'the account', text);
      return new Meter(host, log, last?.bootId === host.bootId ? last : fresh, true);
    } catch (error) {
      log.warn('the account of this boot cannot be read; its seconds so far go to the tail', {
        error: messageOf(error),
      });
      return new Meter(host, log, { ...fresh, bootSeconds: 0, billedSeconds: Math.floor(uptime) }, false);
    }
  }

  /** What receipts of this boot have taken so far, for the drain's trace. */
  get billed(): NonNullable<DrainStatus['billed']> {
    return { session: this.account.bootedAt, seconds: this.account.billedSeconds };
  }

  begins(jobId: string): void {
    this.advance();
    this.underWay.set(jobId, this.underWay.get(jobId) ?? 0);
    if (this.account.bootSeconds !== undefined) return;
    this.account = { ...this.account, bootSeconds: this.at };
    void this.write();
  }

  /** An attempt is over; without a receipt its seconds are the next one's. */
  ends(jobId: string): void {
    this.advance();
    this.waiting.runSeconds += this.underWay.get(jobId) ?? 0;
    this.underWay.delete(jobId);
  }

  /** What the receipt that is about to be written carries; undefined when it cannot be written down on the disk. */
  async bill(jobId: string): Promise<Bill | undefined> {
    this.ends(jobId);
    const bill: Bill = { session: this.account.bootedAt, ...this.waiting };
    this.waiting = { bootSeconds: 0, idleSeconds: 0, runSeconds: 0 };
    const { bootSeconds = this.at, billedSeconds } = this.account;
    this.account = { ...this.account, bootSeconds, billedSeconds: billedSeconds + secondsOf(bill) };
    if (await this.write()) return bill;
    this.takeBack(bill);
    return undefined;
  }

  /** Its receipt was certainly not written. */
  takeBack(bill: Bill): void {
    this.account = { ...this.account, billedSeconds: this.account.billedSeconds - secondsOf(bill) };
    this.waiting.bootSeconds += bill.bootSeconds;
    this.waiting.idleSeconds += bill.idleSeconds;
    this.waiting.runSeconds += bill.runSeconds;
  }

  private advance(): void {
    const now = this.now();
    const passed = now - this.at;
    this.at = now;
    if (this.underWay.size === 0) {
      if (this.account.bootSeconds === undefined) this.waiting.bootSeconds += passed;
      else this.waiting.idleSeconds += passed;
      return;
    }
    const jobs = [...this.underWay];
    const shares = apportion(
      passed,
      jobs.map(() => 1),
    );
    jobs.forEach(([jobId, seconds], index) => this.underWay.set(jobId, seconds + (shares[index] ?? 0)));
  }

  private now(): number {
    return Math.max(this.at, Math.floor(this.host.uptimeSeconds()));
  }

  /** One write after the other, each with the account as it is by then. True: it is on the disk. */
  private write(): Promise<boolean> {
    this.writing = this.writing.then(async () => {
      try {
        await this.host.writeAccount(JSON.stringify(this.account));
        return true;
      } catch (error) {
        this.log.warn('the account is not written; the next receipt carries these seconds', {
          error: messageOf(error),
        });
        return false;
      }
    });
    return this.writing;
  }
}

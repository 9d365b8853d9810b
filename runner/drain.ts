import { messageOf } from '../lifecycle/errors';
import { readGate } from '../lifecycle/gate';
import { OPEN_PREFIX, jobIdInLedgerKey } from '../lifecycle/job';
import type { Claim, OpenRecord } from '../lifecycle/records';
import type { Stored } from '../lifecycle/store';
import { makeAttempt } from './attempt';
import { begin, deleteRecords, readOpenRecord } from './begin';
import { drainContext, type DrainContext, type DrainPorts } from './context';
import { attemptsUsedUp } from './failures';
import { jobLog } from './job-log';
import { Meter } from './meter';
import { occurrence, pause, race } from './pause';
import { publishReceipt } from './receipt';

/** Why a drain ended. `left`: some jobs could not be looked at, again and again, and are still open. */
export type DrainEnd = 'empty' | 'gate' | 'left' | 'interrupted';

/** So often in a row S3 may fail to say what is open, or to let a job be claimed, before the drain leaves it at that. */
const MAX_FAILURES = 3;

/**
 * Runs open jobs until none is left, the gate is not open, or the drain is told to stop. The caller holds the machine's
 * drain lock. Throws what S3 throws when the ledger cannot be read several times in a row.
 */
export async function drain(ports: DrainPorts): Promise<DrainEnd> {
  const meter = await Meter.open(ports.host, ports.clock, ports.log);
  const context = drainContext(ports, meter);
  const over = new AbortController();
  const beating = keepBeating(context, over.signal);
  try {
    await context.host.clearLeftovers();
    const end = await new Drain(context).untilDone();
    if (end === 'empty') await context.host.pruneModels();
    context.log.info('drain ends', { because: end });
    return end;
  } finally {
    over.abort('over');
    await beating;
  }
}

interface Seen {
  readonly jobId: string;
  readonly admitted: number;
}

/**
 * First come, first served, one model after the other; jobs of the model at hand side by side, as many as its card says.
 */
class Drain {
  private readonly records = new Map<string, OpenRecord>();
  private readonly running = new Map<string, Promise<void>>();
  private readonly slots = new Set<number>();
  private readonly notBefore = new Map<string, number>();
  private readonly failures = new Map<string, number>();
  private readonly warned = new Set<string>();
  private digest = '';
  private width = 1;
  private reason = occurrence();

  constructor(private readonly context: DrainContext) {}

  async untilDone(): Promise<DrainEnd> {
    const { interrupt, log } = this.context;
    let failures = 0;
    while (!interrupt.aborted) {
      try {
        const end = await this.look();
        if (end !== undefined) return end;
        failures = 0;
      } catch (error) {
        failures += 1;
        log.error('the ledger cannot be read', { error: messageOf(error), failures });
        if (failures >= MAX_FAILURES) {
          await Promise.all(this.running.values());
          throw error;
        }
        await this.rest(this.context.timings.retryPauseSeconds * 1000);
      }
    }
    await Promise.all(this.running.values());
    return 'interrupted';
  }

  /** One look at the ledger: begins what may begin, then rests until there is a reason to look again. */
  private async look(): Promise<DrainEnd | undefined> {
    const { clock, timings, interrupt } = this.context;
    // A job that ends from here on is a reason to look again at once.
    this.reason = occurrence();
    const open = await this.listOpen();
    if (open.length === 0 && this.running.size === 0) return 'empty';

    for (const { jobId } of open) {
      if (interrupt.aborted) return undefined;
      if (this.running.has(jobId) || (this.notBefore.get(jobId) ?? 0) > clock.now()) continue;
      if (this.running.size >= this.width) break;
      const begun = await this.tryBegin(jobId);
      if (begun === 'closed' && this.running.size === 0) return 'gate';
      if (begun === 'closed' || begun === 'other model') break;
    }
    if (this.running.size > 0) {
      await this.rest(this.running.size < this.width ? timings.pollSeconds * 1000 : undefined);
      return undefined;
    }
    return this.waitForHeld(open);
  }

  private async listOpen(): Promise<Seen[]> {
    const { control, log } = this.context;
    const open: Seen[] = [];
    for await (const { key, lastModified } of control.list(OPEN_PREFIX)) {
      const jobId = jobIdInLedgerKey(OPEN_PREFIX, key);
      if (jobId !== undefined) open.push({ jobId, admitted: lastModified?.getTime() ?? 0 });
      else if (!this.warned.has(key)) {
        this.warned.add(key);
        log.warn('not an open record, ignored', { key });
      }
    }
    return open.sort((a, b) => a.admitted - b.admitted || (a.jobId < b.jobId ? -1 : 1));
  }

  private async tryBegin(jobId: string): Promise<'begun' | 'not now' | 'other model' | 'closed'> {
    const { log, clock, timings } = this.context;
    try {
      const begun = await this.begin(jobId);
      this.failures.delete(jobId);
      return begun;
    } catch (error) {
      const failures = (this.failures.get(jobId) ?? 0) + 1;
      this.failures.set(jobId, failures);
      this.notBefore.set(
        jobId,
        failures < MAX_FAILURES ? clock.now() + timings.retryPauseSeconds * 1000 * failures : Infinity,
      );
      log.error('job not begun', { jobId, error: messageOf(error), failures });
      return 'not now';
    }
  }

  private async begin(jobId: string): Promise<'begun' | 'not now' | 'other model' | 'closed'> {
    const { context } = this;
    const job = this.records.get(jobId) ?? (await readOpenRecord(context, jobId));
    if (!job) return 'not now';
    this.records.set(jobId, job);
    if (job.model.digest !== this.digest) {
      if (this.running.size > 0) return 'other model';
      this.digest = job.model.digest;
      this.width = 1;
    }
    const beginning = await begin(context, job);
    switch (beginning.kind) {
      case 'claimed':
        this.run(job, beginning.claim, beginning.ending);
        return 'begun';
      case 'used up':
        await this.giveUp(job, beginning.attempts, beginning.ending);
        return 'not now';
      case 'held':
        this.notBefore.set(jobId, Math.max(beginning.until, context.clock.now() + 1));
        return 'not now';
      case 'over':
        this.records.delete(jobId);
        return 'not now';
      case 'closed':
        return 'closed';
    }
  }

  private run(job: OpenRecord, claim: Stored<Claim>, ending: string | undefined): void {
    const { context, slots } = this;
    let slot = 0;
    while (slots.has(slot)) slot += 1;
    slots.add(slot);
    const onReady = ({ parallelJobs }: { parallelJobs: number }) => {
      if (parallelJobs === this.width) return;
      this.width = parallelJobs;
      this.reason.happens();
    };
    context.meter.begins(job.jobId);
    const ended = makeAttempt(context, job, claim, { slot, ending, onReady })
      .then((end) => {
        const wait = context.timings.retryPauseSeconds * 1000 * claim.record.attempt;
        // Its record may be written anew, for another model.
        if (end === 'over') this.records.delete(job.jobId);
        if (end === 'again') this.notBefore.set(job.jobId, context.clock.now() + wait);
      })
      .catch((error: unknown) =>
        context.log.error('attempt broke', { jobId: job.jobId, error: messageOf(error) }),
      )
      .finally(() => {
        slots.delete(slot);
        context.meter.ends(job.jobId);
        this.running.delete(job.jobId);
        this.reason.happens();
      });
    this.running.set(job.jobId, ended);
  }

  private async giveUp(job: OpenRecord, attempts: number, ending: string | undefined): Promise<void> {
    const { kind, message } = attemptsUsedUp(attempts, ending);
    const error = { kind, message };
    this.context.log.error('job failed', { jobId: job.jobId, error });
    const log = jobLog(this.context.log, { jobId: job.jobId, attempt: attempts });
    await publishReceipt(this.context, job, attempts, { outcome: 'failed', error }, log);
    await deleteRecords(this.context, job.jobId);
  }

  /** Something is open, but nothing of it may begin yet. */
  private async waitForHeld(open: readonly Seen[]): Promise<DrainEnd | undefined> {
    const { clock, timings, control, log } = this.context;
    const times = open.map(({ jobId }) => this.notBefore.get(jobId) ?? 0);
    if (times.every((time) => time === Infinity)) {
      log.error('these jobs stay open', { jobIds: open.map(({ jobId }) => jobId) });
      return 'left';
    }
    const wait = Math.min(...times) - clock.now();
    if (wait <= 0) return undefined;
    if ((await readGate(control)).state !== 'OPEN') return 'gate';
    await this.rest(Math.min(wait, timings.pollSeconds * 1000));
    return undefined;
  }

  /** Until a job ends, the width changes or the drain is told to stop; for the given milliseconds at most. */
  private async rest(milliseconds: number | undefined): Promise<void> {
    const { clock, interrupt } = this.context;
    const { happened } = this.reason;
    await race(milliseconds === undefined ? [happened] : [happened, clock.sleep(milliseconds)], interrupt);
  }
}

async function keepBeating({ host, clock, timings, log }: DrainContext, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    try {
      await host.beat();
    } catch (error) {
      log.warn('heartbeat not touched', { error: messageOf(error) });
    }
    await pause(clock, timings.beatSeconds * 1000, over);
  }
}

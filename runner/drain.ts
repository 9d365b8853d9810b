import { messageOf } from '../lifecycle/errors';
import { readGate } from '../lifecycle/gate';
import { OPEN_PREFIX, jobIdInLedgerKey } from '../lifecycle/job';
import type { ModelCard } from '../lifecycle/model';
import type { Claim, OpenRecord } from '../lifecycle/records';
import type { Stored } from '../lifecycle/store';
import { makeAttempt, type AttemptEnd } from './attempt';
import { begin, deleteRecords, readOpenRecord } from './begin';
import { drainContext, type DrainContext, type DrainPorts } from './context';
import { attemptsUsedUp } from './failures';
import { jobLog } from './job-log';
import { Meter } from './meter';
import { publishReceipt } from './receipt';
import { Slots } from './slots';
import { newWakeSignal, race, sleepUnlessAborted } from './wait';

/** Why a drain ended. `left`: S3 failed several times in a row for each job that is still open. */
export type DrainEnd = 'empty' | 'gate' | 'left' | 'interrupted';

/** Consecutive S3 failures (listing open jobs, or claiming one job) after which the drain gives up. */
const MAX_FAILURES = 3;

/**
 * Runs open jobs until none is left, the gate is not open, or the interrupt signal is aborted. D1: the caller holds
 * the machine's drain lock. Throws S3's error when the ledger cannot be read several times in a row.
 */
export async function drain(ports: DrainPorts): Promise<DrainEnd> {
  const meter = await Meter.open(ports.host, ports.clock, ports.log);
  const context = drainContext(ports, meter);
  const done = new AbortController();
  const heartbeat = keepHeartbeat(context, done.signal);
  try {
    // D15
    await context.host.clearLeftovers();
    const end = await new Drain(context).untilDone();
    if (end === 'empty') await context.host.pruneModels();
    context.log.info('drain ends', { because: end });
    return end;
  } finally {
    done.abort('done');
    await heartbeat;
  }
}

interface ListedJob {
  readonly jobId: string;
  readonly admitted: number;
}

/** What the drain did with an open job. `deferred`: the job cannot begin yet, or is no longer open. */
type Begun = 'begun' | 'deferred' | 'other-model' | 'gate-closed';

/**
 * Runs jobs in the order of their admission, one model after the other. Jobs of the current model run side by side, as
 * many as its card allows.
 */
class Drain {
  private readonly slots = new Slots();
  private readonly records = new Map<string, OpenRecord>();
  private readonly notBefore = new Map<string, number>();
  private readonly failures = new Map<string, number>();
  private readonly warned = new Set<string>();
  private wakeSignal = newWakeSignal();

  constructor(private readonly context: DrainContext) {}

  async untilDone(): Promise<DrainEnd> {
    const { interrupt, log } = this.context;
    let failures = 0;
    while (!interrupt.aborted) {
      try {
        const end = await this.onePass();
        if (end !== undefined) return end;
        failures = 0;
      } catch (error) {
        failures += 1;
        log.error('the ledger cannot be read', { error: messageOf(error), failures });
        if (failures >= MAX_FAILURES) {
          await this.slots.allEnded();
          throw error;
        }
        await this.waitForWakeSignal(this.context.timings.retryPauseSeconds * 1000);
      }
    }
    await this.slots.allEnded();
    return 'interrupted';
  }

  /** Lists the ledger once, begins the jobs that may begin, then waits until the next pass can make a difference. */
  private async onePass(): Promise<DrainEnd | undefined> {
    const { clock, timings, interrupt } = this.context;
    // A job may end while this pass lists the ledger. The next pass then begins at once.
    this.wakeSignal = newWakeSignal();
    const open = await this.listOpen();
    if (open.length === 0 && this.slots.isEmpty) return 'empty';

    for (const { jobId } of open) {
      if (interrupt.aborted) return undefined;
      if (this.slots.runs(jobId) || (this.notBefore.get(jobId) ?? 0) > clock.now()) continue;
      if (!this.slots.hasFree) break;
      const begun = await this.tryBegin(jobId);
      if (begun === 'gate-closed' && this.slots.isEmpty) return 'gate';
      if (begun === 'gate-closed' || begun === 'other-model') break;
    }
    if (!this.slots.isEmpty) {
      await this.waitForWakeSignal(this.slots.hasFree ? timings.pollSeconds * 1000 : undefined);
      return undefined;
    }
    return this.waitForDeferred(open);
  }

  private async listOpen(): Promise<ListedJob[]> {
    const { control, log } = this.context;
    const open: ListedJob[] = [];
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

  private async tryBegin(jobId: string): Promise<Begun> {
    const { log, clock, timings } = this.context;
    try {
      const begun = await this.begin(jobId);
      this.failures.delete(jobId);
      return begun;
    } catch (error) {
      const failures = (this.failures.get(jobId) ?? 0) + 1;
      this.failures.set(jobId, failures);
      const pauseMs = failures < MAX_FAILURES ? timings.retryPauseSeconds * 1000 * failures : Infinity;
      this.notBefore.set(jobId, clock.now() + pauseMs);
      log.error('job not begun', { jobId, error: messageOf(error), failures });
      return 'deferred';
    }
  }

  private async begin(jobId: string): Promise<Begun> {
    const { context } = this;
    const job = this.records.get(jobId) ?? (await readOpenRecord(context, jobId));
    if (!job) return 'deferred';
    this.records.set(jobId, job);
    if (!this.slots.switchTo(job.model.digest)) return 'other-model';
    const beginning = await begin(context, job);
    switch (beginning.kind) {
      case 'claimed':
        this.run(job, beginning.claim, beginning.previousEnding);
        return 'begun';
      case 'used-up':
        await this.giveUp(job, beginning.attempts, beginning.previousEnding);
        return 'deferred';
      case 'held':
        this.notBefore.set(jobId, Math.max(beginning.until, context.clock.now() + 1));
        return 'deferred';
      case 'over':
        this.records.delete(jobId);
        return 'deferred';
      case 'gate-closed':
        return 'gate-closed';
    }
  }

  private run(job: OpenRecord, claim: Stored<Claim>, previousEnding: string | undefined): void {
    const { context, slots } = this;
    const { jobId } = job;
    const slot = slots.lowestFree();
    const onReady = ({ parallelJobs }: ModelCard) => {
      if (slots.resize(parallelJobs)) this.wakeSignal.notify();
    };
    context.meter.begins(jobId);
    const ended = makeAttempt(context, job, claim, { slot, previousEnding, onReady })
      .then((end) => this.noteEnd(jobId, claim.record.attempt, end))
      .catch((error: unknown) => context.log.error('attempt broke', { jobId, error: messageOf(error) }))
      .finally(() => {
        context.meter.ends(jobId);
        slots.free(jobId);
        this.wakeSignal.notify();
      });
    slots.fill(slot, jobId, ended);
  }

  private noteEnd(jobId: string, attempt: number, end: AttemptEnd): void {
    const { clock, timings } = this.context;
    // The job may be admitted again, for another model.
    if (end === 'over') this.records.delete(jobId);
    if (end === 'again') {
      this.notBefore.set(jobId, clock.now() + timings.retryPauseSeconds * 1000 * attempt);
    }
  }

  private async giveUp(job: OpenRecord, attempts: number, previousEnding: string | undefined): Promise<void> {
    const { kind, message } = attemptsUsedUp(attempts, previousEnding);
    const error = { kind, message };
    this.context.log.error('job failed', { jobId: job.jobId, error });
    const log = jobLog(this.context.log, { jobId: job.jobId, attempt: attempts });
    await publishReceipt(this.context, job, attempts, { outcome: 'failed', error }, log);
    await deleteRecords(this.context, job.jobId);
  }

  /** Waits when jobs are open but none of them may begin yet. */
  private async waitForDeferred(open: readonly ListedJob[]): Promise<DrainEnd | undefined> {
    const { clock, timings, control, log } = this.context;
    const times = open.map(({ jobId }) => this.notBefore.get(jobId) ?? 0);
    if (times.every((time) => time === Infinity)) {
      log.error('these jobs stay open', { jobIds: open.map(({ jobId }) => jobId) });
      return 'left';
    }
    const wait = Math.min(...times) - clock.now();
    if (wait <= 0) return undefined;
    if ((await readGate(control)).state !== 'OPEN') return 'gate';
    await this.waitForWakeSignal(Math.min(wait, timings.pollSeconds * 1000));
    return undefined;
  }

  /** Waits until a job ends, the number of slots changes or the drain is interrupted, at most the given milliseconds. */
  private async waitForWakeSignal(milliseconds: number | undefined): Promise<void> {
    const { clock, interrupt } = this.context;
    const { notified } = this.wakeSignal;
    await race(milliseconds === undefined ? [notified] : [notified, clock.sleep(milliseconds)], interrupt);
  }
}

async function keepHeartbeat({ host, clock, timings, log }: DrainContext, done: AbortSignal): Promise<void> {
  while (!done.aborted) {
    try {
      await host.beat();
    } catch (error) {
      log.warn('heartbeat not touched', { error: messageOf(error) });
    }
    await sleepUnlessAborted(clock, timings.beatSeconds * 1000, done);
  }
}

import { messageOf } from '../lifecycle/errors';
import { readGate } from '../lifecycle/gate';
import { OPEN_PREFIX, jobIdInLedgerKey } from '../lifecycle/job';
import type { ModelCard } from '../lifecycle/model';
import { makeAttempt, type AttemptEnd } from './attempt';
import { Backoff, pauseMs } from './backoff';
import { begin, deleteRecords, readOpenRecord, type Beginning, type OpenJob } from './begin';
import { ForeignClaims } from './claim';
import { drainContext, type DrainContext, type DrainPorts } from './context';
import { jobLog } from './job-log';
import { Meter } from './meter';
import { publishReceipt } from './receipt';
import { Slots } from './slots';
import { newWakeSignal, race, sleepUnlessAborted } from './wait';

/**
 * Why a drain ended.
 *
 * - `left`: for an hour no attempt has reached its program. The jobs stay open.
 * - `stuck`: the kernel holds a program that was killed, and the machine reboots.
 */
export type DrainEnd = 'empty' | 'gate' | 'left' | 'interrupted' | 'stuck';

/** Interval between two lists of `open/` while the drain lingers, in milliseconds. An upload waits for the next. */
const LINGER_POLL_MS = 2_000;

/**
 * Runs open jobs until none is left, the gate is not open, or the interrupt signal is aborted. D1: the caller holds
 * the machine's drain lock. Throws S3's error when the ledger cannot be read for an hour.
 */
export async function drain(ports: DrainPorts): Promise<DrainEnd> {
  const meter = await Meter.open(ports.host, ports.clock, ports.log);
  const context = drainContext(ports, meter);
  const done = new AbortController();
  const heartbeat = keepHeartbeat(context, done.signal);
  noteShutdownAt(context);
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

/**
 * What the drain did with an open job.
 *
 * - `deferred`: the job cannot begin yet, or is no longer open.
 * - `wait`: no job may begin before the running ones have ended.
 */
type Begun = 'begun' | 'deferred' | 'wait' | 'gate-closed';

/**
 * Runs jobs in the order of their admission, one model after the other. Jobs of the current model run side by side, as
 * many as its card allows.
 */
class Drain {
  private readonly slots = new Slots();
  private readonly records = new Map<string, OpenJob>();
  private readonly notBefore = new Map<string, number>();
  private readonly foreign = new ForeignClaims();
  private readonly backoff: Backoff;
  /** The jobs whose attempt has not reached its program yet. */
  private readonly beginning = new Set<string>();
  private readonly warned = new Set<string>();
  /** Open jobs of a newer release, which a later drain runs. */
  private readonly newer = new Set<string>();
  private wakeSignal = newWakeSignal();
  private lastWorkAt: number | undefined;
  private hasLingered = false;
  private isStuck = false;
  private hasNotedShutdown = false;

  constructor(private readonly context: DrainContext) {
    this.backoff = new Backoff(context.timings);
  }

  async untilDone(): Promise<DrainEnd> {
    const { interrupt, log, clock, timings } = this.context;
    let failures = 0;
    let failingSince: number | undefined;
    while (!interrupt.aborted) {
      try {
        const end = await this.onePass();
        if (end !== undefined) return end;
        failures = 0;
        failingSince = undefined;
      } catch (error) {
        failures += 1;
        failingSince ??= clock.now();
        log.error('the ledger cannot be read', { error: messageOf(error), failures });
        // D18
        const isHopeless = clock.now() - failingSince >= timings.outageSeconds * 1000;
        if (isHopeless && this.slots.isEmpty) throw error;
        await this.waitForWakeSignal(pauseMs(failures, timings));
      }
    }
    await this.slots.allEnded();
    return 'interrupted';
  }

  /** Lists the ledger once, begins the jobs that may begin, then waits until the next pass can make a difference. */
  private async onePass(): Promise<DrainEnd | undefined> {
    const { clock, timings, interrupt, host } = this.context;
    // A job may end while this pass lists the ledger. The next pass then begins at once.
    this.wakeSignal = newWakeSignal();
    if (this.isStuck) {
      await this.slots.allEnded();
      await host.reboot();
      return 'stuck';
    }
    const open = await this.listOpen();
    if (open.length === 0 && this.slots.isEmpty) return this.lingerOrEnd();
    // D29: this drain keeps the lock until the shutdown ends it too, so that no other drain begins meanwhile.
    if (await this.isShuttingDown()) {
      await this.waitForWakeSignal(timings.pollSeconds * 1000);
      return undefined;
    }

    for (const { jobId } of open) {
      if (interrupt.aborted) return undefined;
      if (this.slots.runs(jobId) || this.notBeforeOf(jobId) > clock.now()) continue;
      if (!this.slots.hasFree || (this.backoff.isShared && this.beginning.size > 0)) break;
      const begun = await this.tryBegin(jobId);
      if (begun === 'gate-closed' && this.slots.isEmpty) return 'gate';
      if (begun === 'gate-closed' || begun === 'wait') break;
    }
    if (!this.slots.isEmpty) {
      await this.waitForWakeSignal(this.slots.hasFree ? timings.pollSeconds * 1000 : undefined);
      return undefined;
    }
    return this.waitForDeferred(open);
  }

  private async isShuttingDown(): Promise<boolean> {
    const { context } = this;
    if (!(await context.host.isShuttingDown())) return false;
    if (!this.hasNotedShutdown) {
      this.hasNotedShutdown = true;
      context.log.warn('the machine is shutting down: no attempt begins');
      // D26
      await noteShutdown(context, 'the machine was shut down');
    }
    return true;
  }

  private notBeforeOf(jobId: string): number {
    return Math.max(this.notBefore.get(jobId) ?? 0, this.backoff.notBefore(jobId));
  }

  /** L1: waits for the next upload until `lingerSeconds` after the last work. So that upload needs no start. */
  private async lingerOrEnd(): Promise<DrainEnd | undefined> {
    const { clock, config, log } = this.context;
    const tailMs = (this.lastWorkAt ?? -Infinity) + config.lingerSeconds * 1000 - clock.now();
    if (!(tailMs > 0)) return 'empty';
    if (!this.hasLingered) log.info('nothing is open; the drain stays a little', { ms: Math.round(tailMs) });
    this.hasLingered = true;
    await this.waitForWakeSignal(Math.min(tailMs, LINGER_POLL_MS));
    return undefined;
  }

  private async listOpen(): Promise<ListedJob[]> {
    const { control, log } = this.context;
    const open: ListedJob[] = [];
    for await (const { key, lastModified } of control.list(OPEN_PREFIX)) {
      const jobId = jobIdInLedgerKey(OPEN_PREFIX, key);
      if (jobId !== undefined) {
        if (!this.newer.has(jobId)) open.push({ jobId, admitted: lastModified?.getTime() ?? 0 });
      } else if (!this.warned.has(key)) {
        this.warned.add(key);
        log.warn('not an open record, ignored', { key });
      }
    }
    // During shared trouble the job that was tried least goes first: one of them may be able to run.
    const tries = ({ jobId }: ListedJob) => (this.backoff.isShared ? this.backoff.timesOf(jobId) : 0);
    return open.sort(
      (a, b) => tries(a) - tries(b) || a.admitted - b.admitted || (a.jobId < b.jobId ? -1 : 1),
    );
  }

  private async tryBegin(jobId: string): Promise<Begun> {
    const { log, clock } = this.context;
    try {
      return await this.begin(jobId);
    } catch (error) {
      this.backoff.cameToNothing(jobId, clock.now());
      const failures = this.backoff.timesOf(jobId);
      log.error('job not begun', { jobId, error: messageOf(error), failures });
      return 'deferred';
    }
  }

  private async begin(jobId: string): Promise<Begun> {
    const { context, slots } = this;
    const { clock, timings } = context;
    const job = this.records.get(jobId) ?? (await readOpenRecord(context, jobId));
    if (job === 'newer') {
      this.newer.add(jobId);
      context.log.warn('left to a newer release: the open record is of a newer version', { jobId });
      return 'deferred';
    }
    const later = clock.now() + timings.pollSeconds * 1000;
    if (!job) {
      this.notBefore.set(jobId, later);
      return 'deferred';
    }
    this.records.set(jobId, job);
    if (!slots.switchTo(job.model.digest)) return 'wait';
    const beginning = await begin(context, job, { isIdle: slots.isEmpty, foreign: this.foreign });
    switch (beginning.kind) {
      case 'claimed':
        this.run(job, beginning);
        return 'begun';
      case 'failed':
        await this.giveUp(job, beginning);
        return 'deferred';
      case 'held':
        this.notBefore.set(jobId, later);
        return 'deferred';
      case 'over':
        this.records.delete(jobId);
        return 'deferred';
      case 'must run alone':
        return 'wait';
      case 'gate-closed':
        return 'gate-closed';
    }
  }

  private run(job: OpenJob, { claim, attempts, isAlone }: Extract<Beginning, { kind: 'claimed' }>): void {
    const { context, slots } = this;
    const { jobId } = job;
    const slot = slots.lowestFree();
    const onReady = ({ parallelJobs }: ModelCard) => {
      if (slots.resize(parallelJobs)) this.wakeSignal.notify();
    };
    const onProgram = () => {
      this.beginning.delete(jobId);
      this.backoff.reachedProgram(jobId);
      this.lastWorkAt = context.clock.now();
      this.wakeSignal.notify();
    };
    const onStuck = () => {
      this.isStuck = true;
      this.wakeSignal.notify();
    };
    context.meter.begins(jobId);
    this.beginning.add(jobId);
    const ended = makeAttempt(context, job, claim, { slot, attempts, onReady, onProgram, onStuck })
      .then((end) => this.noteEnd(jobId, end))
      .catch((error: unknown) => context.log.error('attempt broke', { jobId, error: messageOf(error) }))
      .finally(() => {
        context.meter.ends(jobId);
        this.beginning.delete(jobId);
        slots.free(jobId);
        this.wakeSignal.notify();
      });
    slots.fill(slot, jobId, ended, isAlone);
  }

  private noteEnd(jobId: string, end: AttemptEnd): void {
    const { clock, timings } = this.context;
    const now = clock.now();
    switch (end) {
      case 'over':
        // The job may be admitted again, for another model.
        this.records.delete(jobId);
        this.backoff.forget(jobId);
        this.lastWorkAt = now;
        return;
      case 'failed':
        this.notBefore.set(jobId, now + timings.retryPauseSeconds * 1000);
        return;
      case 'given back':
        this.backoff.cameToNothing(jobId, now);
        return;
      case 'lost':
        this.notBefore.set(jobId, now + timings.pollSeconds * 1000);
    }
  }

  private async giveUp(
    job: OpenJob,
    { error, attempt, ended }: Extract<Beginning, { kind: 'failed' }>,
  ): Promise<void> {
    const { context } = this;
    context.log.error('job failed', { jobId: job.jobId, error });
    const log = jobLog(context.log, { jobId: job.jobId, attempt });
    const counted = { attempt, ended, log, signal: context.interrupt };
    await publishReceipt(context, job, { outcome: 'failed', error }, counted);
    await deleteRecords(context, job.jobId);
    this.noteEnd(job.jobId, 'over');
  }

  /** Waits when jobs are open but none of them may begin yet. */
  private async waitForDeferred(open: readonly ListedJob[]): Promise<DrainEnd | undefined> {
    const { clock, timings, control, log } = this.context;
    if (this.backoff.isHopeless(clock.now())) {
      log.error('these jobs stay open: no attempt has reached its program for an hour', {
        jobIds: open.map(({ jobId }) => jobId),
      });
      return 'left';
    }
    const wait = Math.min(...open.map(({ jobId }) => this.notBeforeOf(jobId))) - clock.now();
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

/** D26: an interrupt is the machine's shutdown. The note explains to the next drain what this one cannot write any more. */
function noteShutdownAt(context: DrainContext): void {
  const note = () => void noteShutdown(context, 'the machine was shut down');
  context.interrupt.addEventListener('abort', note, { once: true });
}

/** A note that fails must not keep the drain from writing its records. */
async function noteShutdown({ host, log }: DrainContext, why: string): Promise<void> {
  await host
    .noteShutdown(why)
    .catch((error: unknown) => log.warn('shutdown not noted', { error: messageOf(error) }));
}

/** Touches the heartbeat, and asks whether EC2 is about to take the machine away. */
async function keepHeartbeat(context: DrainContext, done: AbortSignal): Promise<void> {
  const { host, clock, timings, log } = context;
  let isNoted = false;
  while (!done.aborted) {
    try {
      await host.beat();
    } catch (error) {
      log.warn('heartbeat not touched', { error: messageOf(error) });
    }
    const notice = isNoted ? undefined : await host.notice().catch(() => undefined);
    if (notice !== undefined) {
      isNoted = true;
      log.warn('EC2 is about to take the machine away', { notice });
      // D26
      await noteShutdown(context, notice);
    }
    await sleepUnlessAborted(clock, timings.beatSeconds * 1000, done);
  }
}

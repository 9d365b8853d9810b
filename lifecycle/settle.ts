import { auditPage } from './audit';
import { breakerTrips, stopIfPaused, type WakeUpEnd } from './breaker';
import { ConflictError, RetryLaterError, messageOf } from './errors';
import { CLOSING_MARGIN_SECONDS, moveGate, readGate, type GateReading } from './gate';
import { anyOpen, listOpenJobs, liveClaims, retire, type ListedJob } from './ledger';
import { drainMayRun } from './linger';
import { copyPauseTag } from './orders';
import { NEWER_OPEN_MS } from './records';
import type { Cause, SettleContext } from './settle-context';
import { noteShortage } from './shortage';
import { noteStop } from './stops';
import { wake, type WakeOutcome } from './wake';

export type SettleOutcome =
  | { readonly did: 'woke'; readonly wake: WakeOutcome }
  | { readonly did: 'stopped' | 'tripped' | 'held' | 'nothing' }
  /** Another function is closing the gate, or moved it first. It lists the open jobs afterwards. */
  | { readonly did: 'left to another' };

/** Maximum receipts that one settle checks. If more jobs are open, settle wakes the instance. The drain checks the rest. */
const MAX_RETIRED = 100;

/** Maximum time for these checks, in milliseconds. If S3 is slow, `settle` still needs time for the gate. */
const RETIRE_TIME_MS = 30_000;

/** Maximum time from a start to the stop by which EC2 undoes that start, in milliseconds. It usually takes some seconds. */
const UNDONE_MS = 2 * 60_000;

/** The jobs of one settle. */
interface Jobs {
  readonly open: readonly ListedJob[];
  /** S11: the jobs of a newer release that are open for more than an hour. They count as open only with a live claim. */
  readonly stale: ReadonlySet<string>;
}

/** Lists the open jobs. If there are any, wakes the instance. If there are none, closes the gate and stops the instance. */
export async function settle(context: SettleContext, cause: Cause): Promise<SettleOutcome> {
  if (cause.kind === 'receipt') {
    const ended = cause.jobIds.map((jobId) => ({ jobId, openSince: undefined }));
    await retireFinished(context, ended);
    // S7: the drain that wrote the receipt continues, or lingers. The end of its command settles, or else the sweep.
    if ((await readGate(context.control)).state === 'OPEN') return { did: 'nothing' };
  }
  if (cause.kind === 'sweep') await copyPauseTag(context);
  const jobs = await retireFinished(context, await listOpenJobs(context.control));
  // U1
  const auditFailure = cause.kind === 'sweep' ? await audit(context) : undefined;
  const outcome = await settleGate(context, cause, jobs).catch(leftToAnother(context));
  if (cause.kind === 'sweep') measureOpen(context, jobs);
  if (auditFailure) throw auditFailure;
  return outcome;
}

/** S9: a failed audit must not keep the instance on. So `settle` throws the returned error only after it settled the gate. */
async function audit(context: SettleContext): Promise<Error | undefined> {
  try {
    const { failed } = await auditPage(context);
    return failed > 0 ? new RetryLaterError(`${failed} uploads could not be audited`) : undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}

/** S8: another function moved the gate after this one had read it. That function lists the open jobs after its write. */
function leftToAnother({ log }: SettleContext): (error: unknown) => SettleOutcome {
  return (error) => {
    if (!(error instanceof ConflictError)) throw error;
    log.info('left to another: the gate moved');
    return { did: 'left to another' };
  };
}

/** S1: deletes the open records of jobs that have a receipt. Returns the jobs that are still open. */
async function retireFinished(context: SettleContext, listed: readonly ListedJob[]): Promise<Jobs> {
  const { clock, log } = context;
  const startedMs = clock.now();
  const retired = new Set<string>();
  const stale = new Set<string>();
  for (const { jobId, openSince } of listed.slice(0, MAX_RETIRED)) {
    if (clock.now() - startedMs > RETIRE_TIME_MS) break;
    try {
      const retirement = await retire(context, jobId);
      if (retirement === 'retired') retired.add(jobId);
      const openMs = clock.now() - (openSince?.getTime() ?? Infinity);
      if (retirement === 'newer' && openMs > NEWER_OPEN_MS) stale.add(jobId);
    } catch (error) {
      // S10: one record that S3 refuses must not stop the settle. The other jobs would wait behind a CLOSED gate.
      log.error('a job counts as open: its records cannot be read', { jobId, error: messageOf(error) });
    }
  }
  return { open: listed.filter(({ jobId }) => !retired.has(jobId) && !stale.has(jobId)), stale };
}

/** Whether a job is open, or a newer drain is running one. */
async function anyWork(context: SettleContext, { stale }: Jobs): Promise<boolean> {
  if (await anyOpen(context.control, stale)) return true;
  // S11: a drain writes its claim before it reads the gate, so after CLOSING was written this list shows every running job.
  return stale.size > 0 && (await liveClaims(context)).some((jobId) => stale.has(jobId));
}

function measureOpen({ metrics, clock }: SettleContext, { open }: Jobs): void {
  metrics?.('OpenJobs', open.length);
  const since = open.flatMap(({ openSince }) => (openSince ? [openSince.getTime()] : []));
  if (since.length > 0) metrics?.('OldestOpenSeconds', Math.max(0, clock.now() - Math.min(...since)) / 1000);
}

async function settleGate(context: SettleContext, cause: Cause, jobs: Jobs): Promise<SettleOutcome> {
  let gate = await readGate(context.control);
  if (gate.state === 'CLOSING') {
    // S2
    if (!isAbandoned(context, gate)) return { did: 'left to another' };
    context.log.warn('taking over a closing that nobody finished', {
      since: gate.record?.since,
      of: gate.record?.by,
    });
    gate = await moveGate(context.control, gate, 'CLOSING', context);
  }

  if (await anyWork(context, jobs)) {
    // S6: the dead closer may have stopped the instance. `wake` opens the gate after EC2 has accepted a start.
    if (gate.state === 'CLOSING') gate = await moveGate(context.control, gate, 'CLOSED', context);
    const end = wakeUpEnd(cause);
    // B1
    if (end && (await breakerTrips(context, gate, end))) return { did: 'tripped' };
    if (await isUndoneStart(context, cause)) return wokeWith(context, 'no capacity');
    const jobIds = jobs.open.map(({ jobId }) => jobId);
    const woke = await wake(context, cause.kind, jobIds);
    // B6
    if (woke === 'paused' && (await stopIfPaused(context))) return { did: 'stopped' };
    return wokeWith(context, woke);
  }
  const mayWait = gate.state === 'OPEN' && cause.kind === 'sweep';
  if (mayWait && (await drainMayRun(context, cause.afterHold === true))) return { did: 'nothing' };
  return closeAndStop(context, gate, cause, jobs);
}

function wokeWith({ metrics }: SettleContext, outcome: WakeOutcome): SettleOutcome {
  if (outcome === 'no capacity') metrics?.('StartsRefused', 1);
  return { did: 'woke', wake: outcome };
}

/**
 * S12: EC2 has accepted a start and undone it. Another start at once would end in the same way, again and again. So the sweep
 * starts the instance.
 */
async function isUndoneStart(context: SettleContext, cause: Cause): Promise<boolean> {
  if (cause.kind !== 'instance stopped') return false;
  const { state, launchTime, stateReason } = await context.instance.read();
  const onMs = Date.parse(cause.eventTime) - launchTime.getTime();
  if (state !== 'stopped' || stateReason?.code.startsWith('Server.') !== true || onMs > UNDONE_MS)
    return false;
  context.log.warn('EC2 has undone a start; the sweep starts the instance again', { ...stateReason });
  await noteShortage(context, stateReason);
  return true;
}

function isAbandoned({ clock, timeLimitSeconds }: SettleContext, { record }: GateReading): boolean {
  const ageMs = clock.now() - Date.parse(record?.since ?? '');
  return ageMs > (timeLimitSeconds + CLOSING_MARGIN_SECONDS) * 1000;
}

function wakeUpEnd(cause: Cause): WakeUpEnd | undefined {
  switch (cause.kind) {
    case 'drain ended':
      return { kind: 'drain ended', id: cause.commandId };
    case 'instance stopped':
      return { kind: 'instance stopped', id: cause.eventTime };
    case 'sweep':
      return { kind: 'silence' };
    case 'receipt':
    case 'instance running':
      return undefined;
  }
}

/** Call it if no job is open. Closes the gate, lists the open jobs again, and stops the instance if there are still none. */
async function closeAndStop(
  context: SettleContext,
  gate: GateReading,
  cause: Cause,
  jobs: Jobs,
): Promise<SettleOutcome> {
  const { control, instance, log } = context;
  const reading = await instance.read();
  const { state, hold, phase } = reading;
  const isOn = state === 'running' || state === 'pending';
  if (cause.kind === 'sweep' && isOn) context.metrics?.('OnWithNothingOpen', 1);
  // S3
  if (hold !== undefined) {
    log.info('not stopped: held', { hold });
    if (gate.state !== 'CLOSING') return { did: 'held' };
    await moveGate(control, gate, 'CLOSED', context);
    return wakeForLateJobs(context, jobs, { did: 'held' });
  }
  if (gate.state === 'CLOSED' && state === 'stopped') {
    if (phase !== 'stopped') await instance.showPhase('stopped', log);
    return { did: 'nothing' };
  }

  // S6: if the gate was not OPEN, an earlier stop may be taking effect. Then only `wake` may open it, after an accepted start.
  const before = gate.state === 'OPEN' ? 'OPEN' : 'CLOSED';
  const closing = gate.state === 'CLOSING' ? gate : await moveGate(control, gate, 'CLOSING', context);
  // S4: a drain begins a job only if it first finds the job in `open/` and then reads OPEN. So every running job was open before
  // CLOSING was written, and this second list contains it.
  if (await anyWork(context, jobs)) {
    await moveGate(control, closing, before, context);
    return { did: 'woke', wake: await wake(context, 'a job came while closing') };
  }

  const stop = await instance.stop();
  if (stop.refused) {
    // EC2 certainly rejected the call, so drains may begin jobs again. The next sweep settles.
    await moveGate(control, closing, before, context);
    log.warn('not stopped: EC2 does not take the call in the present state', { state });
    return wakeForLateJobs(context, jobs, { did: 'nothing' });
  }
  await moveGate(control, closing, 'CLOSED', context);
  await Promise.all([noteStop(context, reading, 'nothing is open'), instance.showPhase('stopping', log)]);
  log.info('instance stopped: nothing is open');
  return wakeForLateJobs(context, jobs, { did: 'stopped' });
}

/**
 * S5: a trigger that admits a job while the gate is CLOSING does not start the instance. So the function that ends the CLOSING
 * lists the open jobs once more: after a stop, after a refused stop, and for a held instance.
 */
async function wakeForLateJobs(
  context: SettleContext,
  jobs: Jobs,
  outcome: SettleOutcome,
): Promise<SettleOutcome> {
  if (!(await anyWork(context, jobs))) return outcome;
  return { did: 'woke', wake: await wake(context, 'a job came while closing') };
}

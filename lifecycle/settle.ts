import { auditPage } from './audit';
import { breakerTrips, stopIfPaused, type WakeUpEnd } from './breaker';
import { ConflictError, RetryLaterError, messageOf } from './errors';
import { CLOSING_MARGIN_SECONDS, moveGate, readGate, type GateReading } from './gate';
import { anyOpen, listOpenJobs, retire, type ListedJob } from './ledger';
import { linger } from './linger';
import type { Cause, SettleContext } from './settle-context';
import { wake, type WakeOutcome } from './wake';

export type SettleOutcome =
  | { readonly did: 'woke'; readonly wake: WakeOutcome }
  | { readonly did: 'stopped' | 'tripped' | 'held' | 'nothing' }
  /** Another function is closing the gate, or moved it first. It lists the open jobs afterwards. */
  | { readonly did: 'left to another' };

/** Maximum receipts that one settle checks. If more jobs are open, settle wakes the instance. The drain checks the rest. */
const MAX_RETIRED = 100;

/** Lists the open jobs. If there are any, wakes the instance. If there are none, closes the gate and stops the instance. */
export async function settle(context: SettleContext, cause: Cause): Promise<SettleOutcome> {
  const open = await retireFinished(context, cause);
  // U1
  const auditFailure = cause.kind === 'sweep' ? await audit(context) : undefined;
  const outcome = await settleGate(context, cause, open).catch(leftToAnother(context));
  if (cause.kind === 'sweep') measureOpen(context, open);
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

/**
 * S1: deletes the open records of jobs that have a receipt. Returns the jobs that are still open. On a receipt, it checks and
 * returns only that receipt's jobs.
 */
async function retireFinished(context: SettleContext, cause: Cause): Promise<ListedJob[]> {
  const jobs: readonly ListedJob[] =
    cause.kind === 'receipt'
      ? cause.jobIds.map((jobId) => ({ jobId, openSince: undefined }))
      : await listOpenJobs(context.control);
  const retired = new Set<string>();
  for (const { jobId } of jobs.slice(0, MAX_RETIRED)) if (await retire(context, jobId)) retired.add(jobId);
  return jobs.filter(({ jobId }) => !retired.has(jobId));
}

function measureOpen({ metrics, clock }: SettleContext, open: readonly ListedJob[]): void {
  metrics?.('OpenJobs', open.length);
  const since = open.flatMap(({ openSince }) => (openSince ? [openSince.getTime()] : []));
  if (since.length > 0) metrics?.('OldestOpenSeconds', Math.max(0, clock.now() - Math.min(...since)) / 1000);
}

async function settleGate(
  context: SettleContext,
  cause: Cause,
  open: readonly ListedJob[],
): Promise<SettleOutcome> {
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

  if (await anyOpen(context.control)) {
    // S6: the dead closer may have stopped the instance. `wake` opens the gate after EC2 has accepted a start.
    if (gate.state === 'CLOSING') gate = await moveGate(context.control, gate, 'CLOSED', context);
    const end = wakeUpEnd(cause);
    // B1
    if (end && (await breakerTrips(context, gate, end))) return { did: 'tripped' };
    // S7: the drain that wrote the receipt continues with the next job. If the drain dies, the end of its command settles.
    if (cause.kind === 'receipt' && gate.state === 'OPEN') return { did: 'nothing' };
    const jobIds = open.map(({ jobId }) => jobId);
    const woke = await wake(context, cause.kind, jobIds);
    // B6
    if (woke === 'paused' && (await stopIfPaused(context))) return { did: 'stopped' };
    return { did: 'woke', wake: woke };
  }
  if (gate.state !== 'OPEN' || cause.kind === 'instance stopped') return closeAndStop(context, gate, cause);
  const lingered = await linger(context, gate);
  return lingered.did === 'tail over' ? closeAndStop(context, lingered.gate, cause) : lingered;
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
async function closeAndStop(context: SettleContext, gate: GateReading, cause: Cause): Promise<SettleOutcome> {
  const { control, instance, log } = context;
  const { state, hold, phase } = await instance.read();
  const isOn = state === 'running' || state === 'pending';
  if (cause.kind === 'sweep' && isOn) context.metrics?.('OnWithNothingOpen', 1);
  // S3
  if (hold !== undefined) {
    log.info('not stopped: held', { hold });
    if (gate.state !== 'CLOSING') return { did: 'held' };
    await moveGate(control, gate, 'CLOSED', context);
    return wakeForLateJobs(context, { did: 'held' });
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
  if (await anyOpen(control)) {
    await moveGate(control, closing, before, context);
    return { did: 'woke', wake: await wake(context, 'a job came while closing') };
  }

  const stop = await instance.stop();
  if (stop.refused) {
    // EC2 certainly rejected the call, so drains may begin jobs again. The next sweep settles.
    await moveGate(control, closing, before, context);
    log.warn('not stopped: EC2 does not take the call in the present state', { state });
    return wakeForLateJobs(context, { did: 'nothing' });
  }
  await moveGate(control, closing, 'CLOSED', context);
  await instance.showPhase('stopping', log);
  log.info('instance stopped: nothing is open');
  return wakeForLateJobs(context, { did: 'stopped' });
}

/**
 * S5: a trigger that admits a job while the gate is CLOSING does not start the instance. So the function that ends the CLOSING
 * lists the open jobs once more: after a stop, after a refused stop, and for a held instance.
 */
async function wakeForLateJobs(context: SettleContext, outcome: SettleOutcome): Promise<SettleOutcome> {
  if (!(await anyOpen(context.control))) return outcome;
  return { did: 'woke', wake: await wake(context, 'a job came while closing') };
}

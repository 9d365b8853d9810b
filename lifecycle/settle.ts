import { auditPage } from './audit';
import { breakerTrips, stopIfPaused, type WakeUpEnd } from './breaker';
import { ConflictError, RetryLaterError, messageOf } from './errors';
import { moveGate, readGate, type GateReading } from './gate';
import { anyOpen, listOpenJobs, retire, type ListedJob } from './ledger';
import { linger } from './linger';
import type { Cause, SettleContext } from './settle-context';
import { wake, type WakeOutcome } from './wake';

export type SettleOutcome =
  | { readonly did: 'woke'; readonly wake: WakeOutcome }
  | { readonly did: 'stopped' | 'tripped' | 'held' | 'nothing' }
  /** Another function is closing, or came first with the gate. */
  | { readonly did: 'left to another' };

/** Clocks of two functions may differ and a dead function's last request may still be on its way. */
export const CLOSING_MARGIN_SECONDS = 30;

/** Receipts looked for at a time. If more jobs are open the instance is woken anyway, and the drain retires them. */
const MAX_RETIRED = 100;

/** Looks at the ledger and does the next right thing: wakes the instance, or closes the gate and stops it. */
export async function settle(context: SettleContext, cause: Cause): Promise<SettleOutcome> {
  const open = await retireFinished(context, cause);
  const auditFailure = cause.kind === 'sweep' ? await audit(context) : undefined;
  const outcome = await settleGate(context, cause, open).catch(leftToAnother(context));
  if (cause.kind === 'sweep') measureOpen(context, open);
  if (auditFailure) throw auditFailure;
  return outcome;
}

/** An audit that fails must not keep the instance on: its error is thrown after the gate has been settled. */
async function audit(context: SettleContext): Promise<Error | undefined> {
  try {
    const { failed } = await auditPage(context);
    return failed > 0 ? new RetryLaterError(`${failed} uploads could not be audited`) : undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}

/** The gate moved under us: whoever moved it looks at the ledger after that. */
function leftToAnother({ log }: SettleContext): (error: unknown) => SettleOutcome {
  return (error) => {
    if (!(error instanceof ConflictError)) throw error;
    log.info('left to another: the gate moved');
    return { did: 'left to another' };
  };
}

/** The jobs that are open after that, as far as it has looked: on a receipt, at that job only. */
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
    if (!isAbandoned(context, gate)) return { did: 'left to another' };
    context.log.warn('taking over a closing that nobody finished', {
      since: gate.gate?.since,
      of: gate.gate?.by,
    });
    gate = await moveGate(context.control, gate, 'CLOSING', context);
  }

  if (await anyOpen(context.control)) {
    // The dead closer may have stopped the instance: wake opens the gate when it is certain to run.
    if (gate.state === 'CLOSING') gate = await moveGate(context.control, gate, 'CLOSED', context);
    const end = wakeUpEnd(cause);
    if (end && (await breakerTrips(context, gate, end))) return { did: 'tripped' };
    // The drain that has just written the receipt goes on by itself; should it die, its command's end settles.
    if (cause.kind === 'receipt' && gate.state === 'OPEN') return { did: 'nothing' };
    const jobIds = open.map(({ jobId }) => jobId);
    const woke = await wake(context, cause.kind, jobIds);
    if (woke === 'paused' && (await stopIfPaused(context))) return { did: 'stopped' };
    return { did: 'woke', wake: woke };
  }
  if (gate.state !== 'OPEN' || cause.kind === 'instance stopped') return close(context, gate, cause);
  const lingered = await linger(context, gate);
  return lingered.did === 'closes' ? close(context, lingered.gate, cause) : lingered;
}

function isAbandoned({ clock, timeLimitSeconds }: SettleContext, { gate }: GateReading): boolean {
  const ageMs = clock.now() - Date.parse(gate?.since ?? '');
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

/** Nothing was open when we looked. Stops the instance unless a job came, or comes, meanwhile. */
async function close(context: SettleContext, seen: GateReading, cause: Cause): Promise<SettleOutcome> {
  const { control, instance, log } = context;
  const { state, hold, phase } = await instance.read();
  const isOn = state === 'running' || state === 'pending';
  if (cause.kind === 'sweep' && isOn) context.metrics?.('OnWithNothingOpen', 1);
  if (hold !== undefined) {
    log.info('not stopped: held', { hold });
    if (seen.state !== 'CLOSING') return { did: 'held' };
    await moveGate(control, seen, 'CLOSED', context);
    return wakeForLatecomers(context, { did: 'held' });
  }
  if (seen.state === 'CLOSED' && state === 'stopped') {
    if (phase !== 'stopped') await instance.showPhase('stopped', log);
    return { did: 'nothing' };
  }

  // Unless it was open, an earlier stop of ours may be at work: then only wake opens it, with a start that is accepted.
  const before = seen.state === 'OPEN' ? 'OPEN' : 'CLOSED';
  const closing = seen.state === 'CLOSING' ? seen : await moveGate(control, seen, 'CLOSING', context);
  // A drain begins a job only if it read OPEN after having seen it: what it has begun was open before CLOSING was
  // written, so it stands in this second list.
  if (await anyOpen(control)) {
    await moveGate(control, closing, before, context);
    return { did: 'woke', wake: await wake(context, 'a job came while closing') };
  }

  const stop = await instance.stop();
  if (stop.refused) {
    // EC2 has certainly not taken the call, so drains may begin again; the sweep looks next.
    await moveGate(control, closing, before, context);
    log.warn('not stopped: EC2 does not take the call in the present state', { state });
    return wakeForLatecomers(context, { did: 'nothing' });
  }
  await moveGate(control, closing, 'CLOSED', context);
  await instance.showPhase('stopping', log);
  log.info('instance stopped: nothing is open');
  return wakeForLatecomers(context, { did: 'stopped' });
}

/** Whoever admitted a job while the gate was CLOSING was told to leave the waking to whoever ends it, however it ends. */
async function wakeForLatecomers(context: SettleContext, otherwise: SettleOutcome): Promise<SettleOutcome> {
  if (!(await anyOpen(context.control))) return otherwise;
  return { did: 'woke', wake: await wake(context, 'a job came while closing') };
}

import type { LedgerContext } from './context';
import { ConflictError, RetryLaterError } from './errors';
import { moveGate, readGate, refuseNewerGate } from './gate';
import type { InstanceReading, StartOutcome } from './instance';
import { readPause } from './orders';
import { noteShortage, shortageIn, type ShortageReason } from './shortage';
import { noteStop } from './stops';

/**
 * - `woken`: EC2 accepted the start, the gate is OPEN, and a worker will dispatch a drain.
 * - `paused`: people or the breaker paused the pipeline.
 * - `closing`: another function is closing the gate. It lists the open jobs again afterwards.
 * - `stopping`: EC2 refused the start. The instance's `stopped` event settles. If EC2 interrupted a spot instance, its
 *   `running` event settles.
 * - `no capacity`: EC2 has no capacity, the account is at a limit, or EC2 throttles its calls. The sweep wakes again.
 */
export type WakeOutcome = 'woken' | 'paused' | 'closing' | 'stopping' | 'no capacity';

/** Maximum job ids in the worker's payload and in a log line. */
const MAX_NAMED_JOBS = 20;

/** Maximum attempts to open the gate while other writers change it. */
const GATE_TRIES = 8;

/**
 * Starts the instance, opens the gate and invokes the worker, which sends a drain command. Call it only if a job is open.
 * @param open the open jobs that the caller knows, for the logs only
 */
export async function wake(
  context: LedgerContext,
  reason: string,
  open: readonly string[] = [],
): Promise<WakeOutcome> {
  const { instance, worker, log } = context;
  const jobIds = open.slice(0, MAX_NAMED_JOBS);
  const leavePaused = (pause: string) => {
    log.warn('not woken: the pipeline is paused', { reason, pause, jobIds });
    return 'paused' as const;
  };
  // W12
  const ordered = await readPause(context.control);
  if (ordered !== undefined) return leavePaused(ordered);
  const reading = await readUnlessThrottled(context);
  if ('code' in reading) return leaveToSweep(context, reading, reason);
  // W1
  if (reading.pause !== undefined) return leavePaused(reading.pause);
  const { isOpen, start } = await startAndOpenGate(context);
  if (start?.refused === 'shortage') return leaveToSweep(context, start.shortage, reason);
  if (start?.refused === 'state') {
    log.info('not woken yet: the instance is still stopping, or EC2 has taken it away', { reason, jobIds });
    return 'stopping';
  }
  const noted = start && reading.state === 'stopped' ? noteStop(context, reading) : undefined;
  // W5: the function that made the instance `pending` invokes the worker. For a burst of uploads, one worker waits through the
  // boot, not one for each upload. If that worker is lost, the sweep invokes the next.
  if (start && start.was !== 'pending') await worker.invoke(reason, jobIds);
  await noted;
  if (isOpen) log.info('woken', { reason, was: start?.was, jobIds });
  if (start?.was === 'stopped') await instance.showPhase('starting', log);
  return isOpen ? 'woken' : 'closing';
}

async function readUnlessThrottled({ instance }: LedgerContext): Promise<InstanceReading | ShortageReason> {
  try {
    return await instance.read();
  } catch (error) {
    const shortage = shortageIn(error);
    if (!shortage) throw error;
    return shortage;
  }
}

/** W11: a shortage is weather. The jobs are admitted, so no function fails, and the sweep asks again. */
async function leaveToSweep(
  context: LedgerContext,
  shortage: ShortageReason,
  reason: string,
): Promise<WakeOutcome> {
  context.log.warn('not woken: EC2 does not start the instance now; the sweep asks again', {
    reason,
    ...shortage,
  });
  await noteShortage(context, shortage);
  return 'no capacity';
}

interface Opening {
  /** False: another function is closing the gate, or EC2 refused the start. */
  readonly isOpen: boolean;
  /** The refused start, or else the start that decides whether `wake` invokes the worker. Undefined: there was no start. */
  readonly start: StartOutcome | undefined;
}

/**
 * W2, W4: opens the gate only after EC2 has accepted the start. On a stopping instance a drain may stay alive for some seconds.
 * Behind an open gate that drain would begin a model, and the stop would kill the model.
 */
async function startAndOpenGate(context: LedgerContext): Promise<Opening> {
  // W6: prefer a start that found the instance `stopped`, then the first that did not find it `pending`, then the last.
  let decisiveStart: Extract<StartOutcome, { refused: false }> | undefined;
  for (let tries = 0; tries < GATE_TRIES; tries += 1) {
    const gate = await readGate(context.control);
    // W3: the closer lists the open jobs again.
    if (gate.state === 'CLOSING') return { isOpen: false, start: decisiveStart };
    refuseNewerGate(gate);
    const start = await context.instance.start();
    // An earlier start of this call stands, and needs its worker.
    if (start.refused === 'shortage') return { isOpen: false, start: decisiveStart ?? start };
    if (start.refused) return { isOpen: false, start };
    if (decisiveStart === undefined || decisiveStart.was === 'pending' || start.was === 'stopped') {
      decisiveStart = start;
    }
    if (gate.state === 'OPEN') return { isOpen: true, start: decisiveStart };
    try {
      await moveGate(context.control, gate, 'OPEN', context);
      return { isOpen: true, start: decisiveStart };
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }
  throw new RetryLaterError(
    `another writer changed the gate during each of ${GATE_TRIES} attempts to open it`,
  );
}

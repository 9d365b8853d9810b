import type { LedgerContext } from './context';
import { ConflictError, RetryLaterError } from './errors';
import { moveGate, readGate } from './gate';
import type { StartOutcome } from './instance';

/**
 * `woken`: the instance has been told to run and the worker to dispatch. Otherwise why not: `paused` (people or the
 * breaker), `closing` (whoever closes looks at the ledger again), `stopping` (the `stopped` event settles; for a spot instance
 * that EC2 has taken away, the `running` event).
 */
export type WakeOutcome = 'woken' | 'paused' | 'closing' | 'stopping';

/** A payload is bounded, and so is a log line that somebody reads. */
const JOBS_NAMED = 20;

/** How often the gate is read again after another writer came first. */
const GATE_TRIES = 8;

/**
 * Gets the instance to run and a drain onto it. Call it only when a job is open.
 * @param open the jobs that it is for, as far as the caller knows them; for the logs only
 */
export async function wake(
  context: LedgerContext,
  reason: string,
  open: readonly string[] = [],
): Promise<WakeOutcome> {
  const { instance, worker, log } = context;
  const jobIds = open.slice(0, JOBS_NAMED);
  const { pause } = await instance.read();
  if (pause !== undefined) {
    log.warn('not woken: the pipeline is paused', { reason, pause, jobIds });
    return 'paused';
  }
  const { isOpen, start } = await startAndOpenGate(context);
  if (start?.refused) {
    log.info('not woken yet: the instance is still stopping, or EC2 has taken it away', { reason, jobIds });
    return 'stopping';
  }
  // Whoever has made it pending has invoked worker, or is about to; a burst of uploads must not invoke one each to wait
  // through the boot. Should that worker be lost, the sweep sends the next.
  if (start && start.was !== 'pending') await worker.invoke(reason, jobIds);
  if (isOpen) log.info('woken', { reason, was: start?.was, jobIds });
  if (start?.was === 'stopped') await instance.showPhase('starting', log);
  return isOpen ? 'woken' : 'closing';
}

interface Opening {
  /** False: somebody closes it, or the start was refused. */
  readonly isOpen: boolean;
  /**
   * The start that tells whose work it is to invoke worker: one that met `stopped`, else the first that did not meet somebody's
   * `pending`, else the last; or the one that was refused. Undefined: none was tried.
   */
  readonly start: StartOutcome | undefined;
}

/**
 * The gate opens only once the start is accepted. On an instance that is stopping by our order a drain may still be alive
 * for some seconds: behind an open gate it would begin a model, to be killed with the machine.
 */
async function startAndOpenGate(context: LedgerContext): Promise<Opening> {
  let told: Extract<StartOutcome, { refused: false }> | undefined;
  for (let tries = 0; tries < GATE_TRIES; tries += 1) {
    const gate = await readGate(context.control);
    if (gate.state === 'CLOSING') return { isOpen: false, start: told };
    const start = await context.instance.start();
    if (start.refused) return { isOpen: false, start };
    if (told === undefined || told.was === 'pending' || start.was === 'stopped') told = start;
    if (gate.state === 'OPEN') return { isOpen: true, start: told };
    try {
      await moveGate(context.control, gate, 'OPEN', context);
      return { isOpen: true, start: told };
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }
  throw new RetryLaterError(`the gate changed under ${GATE_TRIES} readings in a row`);
}

import type { LedgerContext } from './context';
import { ConflictError, RetryLaterError } from './errors';
import { moveGate, readGate, refuseNewerGate } from './gate';
import type { StartOutcome } from './instance';
import { noteStop } from './stops';

/**
 * - `woken`: EC2 accepted the start, the gate is OPEN, and a worker will dispatch a drain.
 * - `paused`: people or the breaker paused the pipeline.
 * - `closing`: another function is closing the gate. It lists the open jobs again afterwards.
 * - `stopping`: EC2 refused the start. The instance's `stopped` event settles. If EC2 interrupted a spot instance, its
 *   `running` event settles.
 */
export type WakeOutcome = 'woken' | 'paused' | 'closing' | 'stopping';

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
  const reading = await instance.read();
  const { pause } = reading;
  // W1
  if (pause !== undefined) {
    log.warn('not woken: the pipeline is paused', { reason, pause, jobIds });
    return 'paused';
  }
  const { isOpen, start } = await startAndOpenGate(context);
  if (start?.refused) {
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

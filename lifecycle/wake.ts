import type { LedgerContext } from './context';
import { ConflictError, RetryLaterError } from './errors';
import { moveGate, readGate } from './gate';

/**
 * `woken`: the instance has been told to run and the worker to dispatch. Otherwise why not: `paused` (people or the
 * breaker), `closing` (whoever closes looks at the ledger again), `stopping` (the `stopped` event settles).
 */
export type WakeOutcome = 'woken' | 'paused' | 'closing' | 'stopping';

/** How often the gate is read again after another writer came first. */
const GATE_TRIES = 8;

/** Gets the instance to run and a drain onto it. Call it only when a job is open. */
export async function wake(context: LedgerContext, reason: string): Promise<WakeOutcome> {
  const { instance, worker, log } = context;
  const { pause } = await instance.read();
  if (pause !== undefined) {
    log.warn('not woken: the pipeline is paused', { reason, pause });
    return 'paused';
  }
  if ((await openGate(context)) === 'closing') return 'closing';

  const start = await instance.start();
  if (start.refused) {
    log.info('not woken yet: the instance is still stopping', { reason });
    return 'stopping';
  }
  await worker.invoke(reason);
  log.info('woken', { reason, wasRunning: start.wasRunning });
  await instance.showPhase(start.wasRunning ? 'working' : 'starting', log);
  return 'woken';
}

async function openGate(context: LedgerContext): Promise<'open' | 'closing'> {
  for (let tries = 0; tries < GATE_TRIES; tries += 1) {
    const gate = await readGate(context.control);
    if (gate.state === 'OPEN') return 'open';
    if (gate.state === 'CLOSING') return 'closing';
    try {
      await moveGate(context.control, gate, 'OPEN', context);
      return 'open';
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }
  throw new RetryLaterError(`the gate changed under ${GATE_TRIES} readings in a row`);
}

import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { InterruptedError } from './exit';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Emits `closed` when this process's output has no reader any more. SIGPIPE does not say that: the kernel sends it for every
 * connection, and a peer that closes one must not end the local cloud. Without a listener, Node.js ignores SIGPIPE.
 */
export const output = new EventEmitter<{ closed: [] }>();

interface Interrupt {
  readonly signal: AbortSignal;
  /** Restores Node.js's own handling of the signals. */
  release(): void;
}

/**
 * Turns Ctrl-C (and SIGTERM, SIGHUP, a closed output) into an AbortSignal.
 * @param onFirst called when the first signal arrives, before the abort
 * @param onRepeated called when a later signal arrives. A later signal does not end the process, because the command is cleaning up
 *   and would leave processes behind.
 */
export function catchInterrupts(onFirst: () => void = ignore, onRepeated: () => void = ignore): Interrupt {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) {
      onRepeated();
      return;
    }
    onFirst();
    controller.abort(new InterruptedError());
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  output.on('closed', onSignal);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of SIGNALS) process.off(name, onSignal);
      output.off('closed', onSignal);
    },
  };
}

const ignore = () => undefined;

/** Resolves after the given milliseconds. Rejects with InterruptedError as soon as the signal is aborted. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch {
    throw new InterruptedError();
  }
}

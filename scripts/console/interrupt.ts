import { InterruptedError } from './exit';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const;

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Gives the signals back to Node.js. */
  release(): void;
}

/**
 * Turns Ctrl-C (and SIGTERM, SIGHUP, and a closed output) into an AbortSignal. Later ones only call `onImpatience`: whoever asked is taking
 * everything down already, and dying in the middle of that would leave processes behind.
 */
export function catchInterrupts(onFirst: () => void, onImpatience: () => void): Interrupt {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) {
      onImpatience();
      return;
    }
    onFirst();
    controller.abort(new InterruptedError());
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}

/** Resolves after the given milliseconds; rejects at once when interrupted. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new InterruptedError());
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      reject(new InterruptedError());
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, milliseconds);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Resolves when interrupted. */
export function untilInterrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

import type { Clock } from '../lifecycle/clock';

/** Sleeps for the given milliseconds, or until the signal is aborted if that comes first. Never throws. */
export async function sleepUnlessAborted(
  clock: Clock,
  milliseconds: number,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  await race([clock.sleep(Math.max(0, milliseconds))], signal);
}

/** Wakes the code that waits for it, once. */
export interface WakeSignal {
  readonly notified: Promise<void>;
  readonly notify: () => void;
}

export function newWakeSignal(): WakeSignal {
  let notify: () => void = () => undefined;
  const notified = new Promise<void>((resolve) => (notify = resolve));
  return { notified, notify };
}

/** Waits until the first of the promises settles or the signal is aborted. Never throws. */
export async function race(promises: readonly Promise<unknown>[], signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  let stopListening: () => void = () => undefined;
  const aborted = new Promise<void>((resolve) => {
    const onAbort = () => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    stopListening = () => signal.removeEventListener('abort', onAbort);
  });
  await Promise.race([aborted, ...promises]).catch(() => undefined);
  stopListening();
}

import type { Clock } from '../lifecycle/clock';

/** Waits the given milliseconds, or until the signal is aborted if that comes first. Never throws. */
export async function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await race([clock.sleep(Math.max(0, milliseconds))], signal);
}

/** What one may wait for, and what happens once. */
export interface Occurrence {
  readonly happened: Promise<void>;
  readonly happens: () => void;
}

export function occurrence(): Occurrence {
  let happens: () => void = () => undefined;
  const happened = new Promise<void>((resolve) => (happens = resolve));
  return { happened, happens };
}

/** Waits for the first of the promises to settle, or for the signal. Never throws. */
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

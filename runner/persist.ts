import { ConflictError, messageOf } from '../lifecycle/errors';
import type { Log } from '../lifecycle/log';
import { pauseMs } from './backoff';
import type { DrainContext } from './context';
import { isRefusal, isWeather } from './ending';
import { sleepUnlessAborted } from './wait';

/**
 * D24: repeats an action on S3 with back-off until it succeeds. The drain holds the machine's lock meanwhile, so no other drain of
 * this machine can do the same. Throws the error if the signal is aborted, or if the error is not S3's or the network's.
 */
export async function persist<T>(
  { clock, timings }: DrainContext,
  { what, log, signal }: { readonly what: string; readonly log: Log; readonly signal: AbortSignal },
  action: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await action();
    } catch (error) {
      const mayPass = !(error instanceof ConflictError) && (isWeather(error) || isRefusal(error));
      if (!mayPass || signal.aborted) throw error;
      log.warn(`${what}: S3 does not take it, trying again`, { error: messageOf(error), tries });
      await sleepUnlessAborted(clock, pauseMs(tries, timings), signal);
    }
  }
}

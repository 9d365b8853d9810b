import type { Log } from '../lifecycle/log';

/** A log that adds the job and the attempt to every line, because models that run side by side share one log. */
export function jobLog(log: Log, about: { jobId: string; attempt: number }): Log {
  return {
    info: (fact, details) => log.info(fact, { ...about, ...details }),
    warn: (fact, details) => log.warn(fact, { ...about, ...details }),
    error: (fact, details) => log.error(fact, { ...about, ...details }),
  };
}

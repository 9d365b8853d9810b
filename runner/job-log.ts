import type { Log } from '../lifecycle/log';

/** A log whose every line names the job and the attempt, so that what a model says can be told from the others'. */
export function jobLog(log: Log, about: { jobId: string; attempt: number }): Log {
  return {
    info: (fact, details) => log.info(fact, { ...about, ...details }),
    warn: (fact, details) => log.warn(fact, { ...about, ...details }),
    error: (fact, details) => log.error(fact, { ...about, ...details }),
  };
}

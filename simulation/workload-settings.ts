import type { Machine } from './machine';
import { MODEL_NAMES, type WorldSettings } from './settings';
import type { Workload } from './workloads';

const UNHURRIED = { maxAttempts: 2, retryOnFailure: false, hasSetup: false } as const;

/**
 * The settings of an ordinary account for a given workload. None is drawn, so that designs differ in nothing else.
 */
export function settingsFor(
  { jobs }: Workload,
  lingerSeconds: number,
  parallelJobs: number,
  isSpot: boolean,
): WorldSettings {
  const longestRunMs = Math.max(...jobs.map(({ runMs }) => runMs));
  const timeLimitMinutes = Math.ceil(longestRunMs / 60_000) + 1;
  return {
    models: MODEL_NAMES.map((model) => ({
      ...model,
      ...UNHURRIED,
      parallelJobs,
      longestRunMs,
      timeLimitMinutes,
    })),
    // Long, because renewals would be most of the calls of a long run. They do not change the on-time.
    leaseSeconds: 900,
    lingerSeconds,
    idleShutdownMinutes: 10,
    slowestCallMs: 60,
    listPage: 1000,
    versionsPage: 1000,
    isSpot,
  };
}

/** Prepares a machine that has been brought up before, with the models on its disk. */
export function usedMachine({ disk }: Machine, settings: WorldSettings): void {
  disk.broughtUp = true;
  for (const { digest } of settings.models) disk.models.set(digest, { ready: true });
}

import { DEFAULT_LINGER_SECONDS } from '../lifecycle/linger';
import type { Random } from './random';
import { MODEL_NAMES, type SimModel, type WorldSettings } from './settings';

/** Draws the settings of one history. `small`: as few and as short steps as possible, for histories that list every call. */
export function drawSettings(shape: Random, small: boolean): WorldSettings {
  const models = MODEL_NAMES.map((model): SimModel => ({
    ...model,
    maxAttempts: shape.pick([1, 2, 2, 3]),
    parallelJobs: small ? 1 : shape.pick([1, 1, 2]),
    retryOnFailure: shape.chance(0.5),
    timeLimitMinutes: shape.pick([1, 3, 8]),
    hasSetup: small || shape.chance(0.5),
    longestRunMs: small ? 30_000 : shape.pick([3_000, 5_000, 30_000, 120_000, 400_000]),
  }));
  return {
    models,
    leaseSeconds: 60,
    lingerSeconds: small ? DEFAULT_LINGER_SECONDS : shape.pick([0, 0, 30, 30, 90]),
    idleShutdownMinutes: shape.pick([10, 10, 10, 15]),
    slowestCallMs: small ? 60 : shape.pick([20, 60, 60, 400, 2_000]),
    listPage: shape.pick([1000, 1000, 2, 1]),
    versionsPage: shape.pick([1000, 1000, 2, 1]),
    isSpot: !small && shape.chance(0.5),
  };
}

import { DEFAULT_LINGER_SECONDS } from '../lifecycle/linger';
import { LEASE_SECONDS } from '../lifecycle/records';
import type { Random } from './random';
import type { Workload } from './workloads';

/** The settings of one deployment and its account. */
export interface WorldSettings {
  readonly models: readonly SimModel[];
  readonly leaseSeconds: number;
  readonly lingerSeconds: number;
  readonly idleShutdownMinutes: number;
  /** Maximum usual delay of a call, in milliseconds. */
  readonly slowestCallMs: number;
  readonly listPage: number;
  readonly versionsPage: number;
  /** A spot instance. EC2 may interrupt it, and starts it again by itself. */
  readonly isSpot: boolean;
}

/** One model: its card, and the maximum duration of its runs. */
export interface SimModel {
  readonly name: string;
  readonly digest: string;
  readonly prefix: string;
  readonly maxAttempts: number;
  readonly maxInterruptions: number;
  readonly parallelJobs: number;
  readonly retryOnFailure: boolean;
  readonly timeLimitMinutes: number;
  readonly hasSetup: boolean;
  readonly longestRunMs: number;
}

/** The models as the pipeline deploys them. */
export const MODELS = [deployedModel('first', '1', ''), deployedModel('second', '2', 'second/')];

function deployedModel(name: string, digit: string, prefix: string) {
  const zip = { zipKey: `models/${name}/model.zip`, zipVersionId: 'v1' };
  return { name, digest: digit.repeat(64), prefix, suffixes: ['.csv'], ...zip };
}

/** The default period of the sweep, in milliseconds. */
export const SWEEP_MS = 5 * 60_000;

/** Maximum difference between times of two clocks, with a margin. In milliseconds. */
export const CLOCK_SLACK_MS = 20_000;

/** The longest orderly shutdown, in milliseconds: systemd's DefaultTimeoutStopSec. */
export const LONGEST_SHUTDOWN_MS = 90_000;

export type FunctionName = 'trigger' | 'worker' | 'stop';

/** The time limit of a function in seconds, as modules/pipeline.ts deploys it. */
export function timeLimitSeconds(name: FunctionName): number {
  return { trigger: 60, worker: 300, stop: 120 }[name];
}

export const BREAKER_WAKE_UPS = 3;

/** Runs of a drawn length. `hours`: runs of hours, and limits to match. */
export type RunLength = 'short' | 'drawn' | 'hours';

/** The limits and the longest runs of models whose runs last for hours. */
const HOURS = { timeLimitMinutes: [60, 150, 300], longestRunMs: [1_800_000, 7_200_000, 14_400_000] } as const;

/** Draws the settings of one history. `short`: as few and as short steps as possible, for histories that list every call. */
export function drawSettings(shape: Random, runs: RunLength): WorldSettings {
  const small = runs === 'short';
  const models = MODELS.map(({ name, digest, prefix }): SimModel => ({
    name,
    digest,
    prefix,
    maxAttempts: shape.pick([1, 2, 2, 3]),
    maxInterruptions: shape.pick([20, 20, 20, 4]),
    parallelJobs: small ? 1 : shape.pick([1, 1, 2]),
    retryOnFailure: shape.chance(0.5),
    timeLimitMinutes: shape.pick(runs === 'hours' ? HOURS.timeLimitMinutes : [1, 3, 8]),
    hasSetup: small || shape.chance(0.5),
    longestRunMs: longestRunMs(shape, runs),
  }));
  return {
    models,
    leaseSeconds: LEASE_SECONDS,
    lingerSeconds: small ? DEFAULT_LINGER_SECONDS : shape.pick([0, 0, 30, 30, 90]),
    idleShutdownMinutes: shape.pick([10, 10, 10, 15]),
    slowestCallMs: small ? 60 : shape.pick([20, 60, 60, 400, 2_000]),
    listPage: shape.pick([1000, 1000, 2, 1]),
    versionsPage: shape.pick([1000, 1000, 2, 1]),
    isSpot: !small && shape.chance(0.5),
  };
}

function longestRunMs(shape: Random, runs: RunLength): number {
  if (runs === 'short') return 30_000;
  return shape.pick(runs === 'hours' ? HOURS.longestRunMs : [3_000, 5_000, 30_000, 120_000, 400_000]);
}

/** The settings of an ordinary account for a given workload. None is drawn, so that designs differ in nothing else. */
export function settingsFor(
  { jobs }: Workload,
  lingerSeconds: number,
  parallelJobs: number,
  isSpot: boolean,
): WorldSettings {
  const longestRunMs = Math.max(...jobs.map(({ runMs }) => runMs));
  const timeLimitMinutes = Math.ceil(longestRunMs / 60_000) + 1;
  const card = {
    maxAttempts: 2,
    maxInterruptions: 20,
    parallelJobs,
    retryOnFailure: false,
    timeLimitMinutes,
    hasSetup: false,
  };
  return {
    models: MODELS.map(({ name, digest, prefix }) => ({ name, digest, prefix, ...card, longestRunMs })),
    leaseSeconds: LEASE_SECONDS,
    lingerSeconds,
    idleShutdownMinutes: 10,
    slowestCallMs: 60,
    listPage: 1000,
    versionsPage: 1000,
    isSpot,
  };
}

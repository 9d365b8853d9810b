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
  readonly parallelJobs: number;
  readonly retryOnFailure: boolean;
  readonly timeLimitMinutes: number;
  readonly hasSetup: boolean;
  readonly longestRunMs: number;
}

export const MODEL_NAMES = [
  { name: 'first', digest: '1'.repeat(64), prefix: '' },
  { name: 'second', digest: '2'.repeat(64), prefix: 'second/' },
] as const satisfies readonly Partial<SimModel>[];

/** The default period of the sweep, in milliseconds. */
export const SWEEP_MS = 5 * 60_000;

/** Maximum difference between times of two clocks, with a margin. In milliseconds. */
export const CLOCK_SLACK_MS = 20_000;

export type FunctionName = 'trigger' | 'worker' | 'stop';

/** The time limit of a function in seconds, as modules/pipeline.ts deploys it. */
export function timeLimitSeconds({ lingerSeconds }: WorldSettings, name: FunctionName): number {
  return { trigger: 60, worker: 300, stop: 120 + lingerSeconds }[name];
}

export const BREAKER_WAKE_UPS = 3;

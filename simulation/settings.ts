/** What differs between deployments and accounts, drawn for each history. */
export interface WorldSettings {
  readonly models: readonly SimModel[];
  readonly leaseSeconds: number;
  readonly lingerSeconds: number;
  readonly idleShutdownMinutes: number;
  /** The longest usual delay of a call, in milliseconds. */
  readonly slowestCallMs: number;
  readonly listPage: number;
  readonly versionsPage: number;
  /** EC2 may take the instance away, and starts it again by itself. */
  readonly isSpot: boolean;
}

/** One model as its card says, and how long its runs take. */
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

/** The sweep's period, as deployed by default. */
export const SWEEP_MS = 5 * 60_000;

/** What times of two clocks may differ by, and then some. */
export const CLOCK_SLACK_MS = 20_000;

export type FunctionName = 'trigger' | 'worker' | 'stop';

/** The functions' time limits, as modules/pipeline.ts deploys them. */
export function timeLimitSeconds({ lingerSeconds }: WorldSettings, name: FunctionName): number {
  return { trigger: 60, worker: 300, stop: 120 + lingerSeconds }[name];
}

export const BREAKER_WAKE_UPS = 3;

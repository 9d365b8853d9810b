import type { Checks } from './checks';
import type { Faults } from './faults';
import type { Functions } from './functions';
import type { SimInstance } from './instance';
import type { Jobs } from './jobs';
import type { Machine } from './machine';
import type { People } from './people';
import type { Random } from './random';
import type { SimS3 } from './s3';
import type { SimSsm } from './ssm';
import type { Timeline } from './timeline';
import type { Wire } from './wire';
import type { Workload } from './workloads';

/** One simulated account, its people, and who watches. Made by history.ts. */
export interface World {
  readonly timeline: Timeline;
  /** Delays, and whether faults strike. */
  readonly luck: Random;
  readonly faults: Faults;
  readonly settings: WorldSettings;
  readonly s3: SimS3;
  readonly instance: SimInstance;
  readonly machine: Machine;
  readonly ssm: SimSsm;
  readonly functions: Functions;
  readonly wire: Wire;
  readonly people: People;
  readonly jobs: Jobs;
  readonly checks: Checks;
  /** The original design runs instead of ours, for comparison; nothing is checked. */
  readonly plainChain: boolean;
  /** Uploads, runs and starts are given, not drawn as the history goes. */
  readonly workload: Workload | undefined;
  /** Present only when somebody reads along: building the lines costs more than all the rest. */
  readonly tell: ((who: string, what: string) => void) | undefined;
}

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

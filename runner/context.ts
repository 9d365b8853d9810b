import type { S3Client } from '@aws-sdk/client-s3';
import type { Clock } from '../lifecycle/clock';
import type { Log } from '../lifecycle/log';
import { Store } from '../lifecycle/store';
import type { RunnerConfig } from './config';
import type { Host } from './host';
import type { Meter } from './meter';

/** The settings, clients and machine that a drain works with. */
export interface DrainPorts {
  readonly config: RunnerConfig;
  readonly s3: S3Client;
  readonly clock: Clock;
  readonly host: Host;
  readonly log: Log;
  /** The drain's id in claims and receipts. */
  readonly drainId: string;
  /** Aborted with an InterruptedError when the drain must stop. */
  readonly interrupt: AbortSignal;
  readonly timings?: Partial<Timings>;
}

/** Waits and intervals of the drain. The defaults suit a real machine. */
export interface Timings {
  /** Time between SIGTERM at the time limit and SIGKILL. @default 10 */
  readonly killGraceSeconds: number;
  /** First pause after an attempt or a request that failed. It doubles, up to 5 minutes. @default 5 */
  readonly retryPauseSeconds: number;
  /** Interval between two lists of `open/` while a slot is free or all open jobs are deferred. @default 5 */
  readonly pollSeconds: number;
  /** Minimum time between two status records of a job. @default 2 */
  readonly statusSeconds: number;
  /** Interval between two heartbeats. @default 15 */
  readonly beatSeconds: number;
  /** Time limit of a model's setup. @default 30 */
  readonly setupTimeLimitMinutes: number;
  /** Time for which a setup that fails is tried again. @default 600 */
  readonly setupPatienceSeconds: number;
  /** Maximum wait for the end of a program after SIGKILL. @default 30 */
  readonly killWaitSeconds: number;
  /** Time without an attempt that reaches its program, after which the drain gives up. @default 3600 */
  readonly outageSeconds: number;
}

export interface DrainContext extends DrainPorts {
  readonly control: Store;
  readonly output: Store;
  readonly timings: Timings;
  readonly meter: Meter;
  /** Since when the setup of a model fails, by its digest, in milliseconds since the epoch. */
  readonly setupFailedSince: Map<string, number>;
  /** The job whose input S3 read last. */
  lastInputRead: string | undefined;
}

export function drainContext(ports: DrainPorts, meter: Meter): DrainContext {
  return {
    ...ports,
    meter,
    setupFailedSince: new Map(),
    lastInputRead: undefined,
    control: new Store(ports.s3, ports.config.controlBucket),
    output: new Store(ports.s3, ports.config.outputBucket),
    timings: {
      killGraceSeconds: 10,
      retryPauseSeconds: 5,
      pollSeconds: 5,
      statusSeconds: 2,
      beatSeconds: 15,
      setupTimeLimitMinutes: 30,
      setupPatienceSeconds: 600,
      killWaitSeconds: 30,
      outageSeconds: 3600,
      ...ports.timings,
    },
  };
}

import type { S3Client } from '@aws-sdk/client-s3';
import type { Clock } from '../lifecycle/clock';
import type { Log } from '../lifecycle/log';
import { Store } from '../lifecycle/store';
import type { RunnerConfig } from './config';
import type { Host } from './host';
import type { Meter } from './meter';

/** What a drain is given by whoever starts it. */
export interface DrainPorts {
  readonly config: RunnerConfig;
  readonly s3: S3Client;
  readonly clock: Clock;
  readonly host: Host;
  readonly log: Log;
  /** Names this drain in claims and receipts. */
  readonly drainId: string;
  /** Aborted when the drain is told to stop; the reason is an InterruptedError. */
  readonly interrupt: AbortSignal;
  readonly timings?: Partial<Timings>;
}

/** Waits of the drain's own; the defaults suit a real machine. */
export interface Timings {
  /** Between SIGTERM at the time limit and SIGKILL. @default 10 */
  readonly killGraceSeconds: number;
  /** Before a failed attempt is followed by the next, times its number. @default 5 */
  readonly retryPauseSeconds: number;
  /** How often `open/` is listed while a slot is free or only held jobs are left. @default 5 */
  readonly pollSeconds: number;
  /** Least time between two status records of a job. @default 2 */
  readonly statusSeconds: number;
  /** How often the heartbeat is touched. @default 15 */
  readonly beatSeconds: number;
  /** A model's setup may take this long. @default 30 */
  readonly setupTimeLimitMinutes: number;
}

export interface DrainContext extends DrainPorts {
  readonly control: Store;
  readonly output: Store;
  readonly timings: Timings;
  readonly meter: Meter;
}

export function drainContext(ports: DrainPorts, meter: Meter): DrainContext {
  return {
    ...ports,
    meter,
    control: new Store(ports.s3, ports.config.controlBucket),
    output: new Store(ports.s3, ports.config.outputBucket),
    timings: {
      killGraceSeconds: 10,
      retryPauseSeconds: 5,
      pollSeconds: 5,
      statusSeconds: 2,
      beatSeconds: 15,
      setupTimeLimitMinutes: 30,
      ...ports.timings,
    },
  };
}

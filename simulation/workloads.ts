import { Random } from './random';

/** The durations of one start, from StartInstances to the model. In milliseconds. */
export interface StartTimes {
  /** From the acceptance of the start until `running`. Not billed. */
  readonly pendingMs: number;
  readonly bootMs: number;
  /** From the end of the boot until the agent has registered. */
  readonly registrationMs: number;
  /** From SendCommand until the agent receives the command. */
  readonly deliveryMs: number;
  /** The time in which the command checks whether the machine has been brought up. */
  readonly checkMs: number;
}

/** One upload and the duration of its model's run. */
export interface WorkloadJob {
  /** Time from the beginning of the history, in milliseconds. In a chase it is 0, see `chaseMs`. */
  readonly arrivesMs: number;
  readonly runMs: number;
  /** The durations of a start that is made for this job. They are the same under every design. */
  readonly start: StartTimes;
}

/** A given history without faults: the uploads, the durations of runs, the durations of starts. */
export interface Workload {
  readonly kind: string;
  readonly seed: number;
  /** The window in which uploads may arrive, in milliseconds. The always-on design runs for all of it. */
  readonly windowMs: number;
  readonly jobs: readonly WorkloadJob[];
  /**
   * In a chase, the time from the beginning of a stop to the next upload. Undefined if uploads arrive at their times.
   */
  readonly chaseMs: number | undefined;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Every kind of workload: its percentage of all workloads, and its meaning. */
export const WORKLOADS = {
  original: [10, '3 or 4 runs of 12 to 20 minutes in an 8-hour day, about an hour in all'],
  'original, shorter': [5, '3 or 4 runs of 1 to 20 minutes in an 8-hour day'],
  'Poisson, 1 an hour': [7, 'runs of 10 s to 5 min, for 4 hours'],
  'Poisson, 6 an hour': [7, 'runs of 10 s to 5 min, for 1 hour'],
  'Poisson, 20 an hour': [6, 'runs of 5 s to 2 min, for 30 minutes'],
  'Poisson, 60 an hour': [5, 'runs of 1 to 40 s, for 10 minutes'],
  bursts: [12, '1 to 4 bursts of 2 to 8 uploads within 20 s, runs of 1 s to 2 min, in 1 hour'],
  'steady beat': [16, '2 to 12 uploads at one distance of 20 s to 3 min, runs of one length up to 90 s'],
  'chased, tiny runs': [16, 'runs of at most 5 s, each upload just after the instance has begun to stop'],
  'chased, a minute each': [16, 'the same, with runs that just fill the 60-second minimum'],
} as const satisfies Record<string, readonly [share: number, meaning: string]>;

export type WorkloadKind = keyof typeof WORKLOADS;

export const WORKLOAD_KINDS = Object.keys(WORKLOADS) as WorkloadKind[];

/** Draws a workload from its kind and seed alone. */
export function drawWorkload(kind: WorkloadKind, seed: number): Workload {
  const luck = new Random(seed, 11);
  const job = (arrivesMs: number, runMs: number): WorkloadJob => ({
    arrivesMs,
    runMs,
    start: drawStart(luck),
  });
  const given = (windowMs: number, jobs: readonly WorkloadJob[]): Workload => ({
    kind,
    seed,
    windowMs,
    jobs: jobs.toSorted((a, b) => a.arrivesMs - b.arrivesMs),
    chaseMs: undefined,
  });
  const office = (shortestRunMs: number) =>
    given(
      8 * HOUR,
      times(luck.between(3, 4), () =>
        job(luck.between(0, 8 * HOUR), luck.between(shortestRunMs, 20 * MINUTE)),
      ),
    );
  const poisson = (perHour: number, windowMs: number, shortestRunMs: number, longestRunMs: number) =>
    given(
      windowMs,
      poissonArrivals(luck, perHour, windowMs).map((at) => job(at, luck.spread(shortestRunMs, longestRunMs))),
    );
  const chased = (shortestRunMs: number, longestRunMs: number): Workload => ({
    ...given(
      0,
      times(luck.between(2, 6), () => job(0, luck.between(shortestRunMs, longestRunMs))),
    ),
    chaseMs: luck.spread(1, 2 * SECOND),
  });
  switch (kind) {
    case 'original':
      return office(12 * MINUTE);
    case 'original, shorter':
      return office(MINUTE);
    case 'Poisson, 1 an hour':
      return poisson(1, 4 * HOUR, 10 * SECOND, 5 * MINUTE);
    case 'Poisson, 6 an hour':
      return poisson(6, HOUR, 10 * SECOND, 5 * MINUTE);
    case 'Poisson, 20 an hour':
      return poisson(20, 30 * MINUTE, 5 * SECOND, 2 * MINUTE);
    case 'Poisson, 60 an hour':
      return poisson(60, 10 * MINUTE, SECOND, 40 * SECOND);
    case 'bursts': {
      const burst = () => {
        const around = luck.between(0, HOUR);
        return times(luck.between(2, 8), () =>
          job(around + luck.between(0, 20 * SECOND), luck.spread(SECOND, 2 * MINUTE)),
        );
      };
      return given(HOUR, times(luck.between(1, 4), burst).flat());
    }
    case 'steady beat': {
      const [count, distanceMs] = [luck.between(2, 12), luck.between(20 * SECOND, 3 * MINUTE)];
      const runMs = luck.spread(200, 90 * SECOND);
      return given(
        count * distanceMs,
        Array.from({ length: count }, (_none, index) => job(index * distanceMs, runMs)),
      );
    }
    case 'chased, tiny runs':
      return chased(100, 5 * SECOND);
    case 'chased, a minute each':
      return chased(15 * SECOND, 60 * SECOND);
  }
}

/**
 * Draws the durations of a restart of an Amazon Linux 2023 instance. Published values are 16 s until `running` and 3
 * s of boot (m7i.large). The agent registers some seconds later and receives a command within two seconds.
 */
export function drawStart(luck: Random): StartTimes {
  return {
    pendingMs: luck.between(12 * SECOND, 20 * SECOND),
    bootMs: luck.between(2 * SECOND, 6 * SECOND),
    registrationMs: luck.between(SECOND, 6 * SECOND),
    deliveryMs: luck.spread(100, 2 * SECOND),
    checkMs: luck.spread(100, 1_500),
  };
}

/** Draws at least one arrival, because a workload without jobs has no ratio. */
function poissonArrivals(luck: Random, perHour: number, windowMs: number): number[] {
  const arrivals: number[] = [];
  for (let at = 0; ;) {
    const share = (luck.uint32() + 1) / 2 ** 32;
    at += Math.round((-Math.log(share) * HOUR) / perHour);
    if (at > windowMs) break;
    arrivals.push(at);
  }
  return arrivals.length > 0 ? arrivals : [luck.between(0, windowMs)];
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}

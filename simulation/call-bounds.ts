import { timeLimitSeconds, type FunctionName } from './settings';

/** What causes calls in one history. */
export interface CallCauses {
  readonly uploads: number;
  /** Accepted starts of the instance. */
  readonly starts: number;
  readonly sweeps: number;
  /** How long models ran, in minutes. */
  readonly runMinutes: number;
  /** Pages of a list of all jobs. */
  readonly pages: number;
  /** How long outages or a full disk were felt, in minutes. */
  readonly outageMinutes: number;
  /** The tail of a drain after its last work, in minutes. */
  readonly lingerMinutes: number;
  /** How often a fault struck. */
  readonly faults: number;
}

export type Service = 's3' | 'ec2' | 'ssm' | 'lambda';

/**
 * The polls of a worker that waits for the agent until its time is up, half as much again. The worker polls 12 times in the
 * first 50 s, and each 15 s later: some 26 polls in 270 s (lifecycle/dispatch.ts).
 */
const POLLS_PER_START = 39;

/** The polls of a worker whose agent stays silent: Lambda runs it up to three times, and each run polls some 26 times. */
const POLLS_PER_SILENCE = 78;

/**
 * The greatest number of polls after one fault. A boot whose agent stays silent may last an hour. In it 12 sweeps invoke
 * a worker.
 */
const POLLS_PER_FAULT = 12 * POLLS_PER_SILENCE;

/** A worker's longest pause between polls, in seconds. */
const LONGEST_PAUSE_SECONDS = 15;

/** Polls by which the worker's short first pauses exceed one poll every 15 s. */
const EARLY_POLLS = 8;

/** A drain takes 15 s from its command to its end, if the first calls fail. */
const WAKE_UPS_PER_OUTAGE_MINUTE = 4;

/** Calls of a drain that waits, per minute: it lists the open jobs and reads the gate each 5 s. */
const POLLS_PER_MINUTE = 24;

/**
 * One poll of a worker calls DescribeInstances, DescribeInstanceInformation and ListCommands. That list may have a page for
 * each command of the launch.
 */
const CALLS_PER_POLL = 8;

/**
 * The bound of each service's calls in a whole history. Bounds catch loops that never end and calls without a reason.
 *
 * The factors without faults are measured: the greatest number in 5,000 histories without faults, half as much again.
 * The factor of a fault is the greatest number of calls that one fault caused in any history.
 */
export function callBounds({
  uploads,
  starts,
  sweeps,
  runMinutes,
  pages,
  outageMinutes,
  lingerMinutes,
  faults,
}: CallCauses): Record<Service, number> {
  // Each of these runs a function that may wake the instance.
  const causes = uploads + starts + sweeps;
  // In a boot whose agent stays silent each upload invokes one more worker.
  const polls =
    POLLS_PER_START * starts + POLLS_PER_FAULT * faults + (faults > 0 ? POLLS_PER_SILENCE * uploads : 0);
  return {
    // The function that starts the instance invokes the worker. After a fault, another function may do so again.
    // A drain that ends in an outage is sent again until the breaker trips.
    lambda: 2 * causes + WAKE_UPS_PER_OUTAGE_MINUTE * outageMinutes + 3 * faults,
    // A settle reads the instance, starts or stops it and sets its tags. A worker reads it at each poll.
    ec2: 6 * causes + polls,
    // A worker reads the agent's ping at each poll. Then it lists the commands and sends one.
    ssm: 3 * causes + polls,
    // An upload is admitted, run and retired. A sweep settles and audits. A start has a drain that reads the ledger.
    // A minute of a run has 12 lists for a free slot, renewals of the lease and records of progress.
    s3:
      75 * uploads +
      25 * sweeps +
      40 * starts +
      (6 + 12 * pages) * runMinutes +
      POLLS_PER_MINUTE * pages * (outageMinutes + (uploads + starts) * lingerMinutes) +
      70 * faults,
  };
}

/** The bound of the calls in one execution of a function. */
export function functionCallBound(name: FunctionName, uploads: number): number {
  // Trigger and stop read the gate, the instance and the ledger, and handle each open job.
  if (name !== 'worker') return 30 + 12 * uploads;
  return CALLS_PER_POLL * (EARLY_POLLS + timeLimitSeconds(name) / LONGEST_PAUSE_SECONDS);
}

/** The bound of the calls of one drain: for its jobs, and for each minute in which it lists jobs and renews leases. */
export function drainCallBound(uploads: number, minutes: number): number {
  return 40 + 60 * uploads + (20 + 20 * uploads) * minutes;
}

import { MINIMUM_BILLED_SECONDS } from '../../lifecycle/bill';

/** The work of a pipeline: how many jobs, when, and how long each part takes. */
export interface Workload {
  readonly jobsPerDay: number;
  /** Number of files that are uploaded together: a folder, a batch. */
  readonly jobsAtOnce: number;
  /** The model's own time for one job, in minutes. */
  readonly jobMinutes: number;
  /** Hours of a day within which jobs come at random. */
  readonly hoursADay: number;
  /** Time from `running` until the model begins: boot, agent, delivery, check. */
  readonly bootSeconds: number;
  /** Other time: waiting for the agent, the drain's calls, the event at the end. */
  readonly otherSeconds: number;
  readonly lingerSeconds: number;
}

/** Means of the simulator, not measured on AWS: docs/ECONOMY.md, "Where the seconds of a single run go". */
export const TYPICAL = { bootSeconds: 9, otherSeconds: 5 } as const;

const HOUR_SECONDS = 3600;

/** An average day of a workload. */
export interface Usage {
  readonly startsPerDay: number;
  readonly jobsPerStart: number;
  readonly billedHoursPerDay: number;
  /** The work of a day needs more than 24 hours of the machine. */
  readonly isTooMuch: boolean;
}

/**
 * Billed hours and starts of an average day. Jobs, or batches of them, come at random (Poisson), and one
 * machine runs them one after the other. This is a queue with a set-up time, the boot. An upload that comes
 * while the machine is on, or lingers, costs no start. The minimum of one minute is applied to a start of
 * average length, which is exact if no start is shorter than a minute.
 */
export function usageOf(work: Workload): Usage {
  const jobSeconds = work.jobMinutes * 60;
  const workHours = (work.jobsPerDay * jobSeconds) / HOUR_SECONDS;
  const isTooMuch = workHours > 24;
  if (work.jobsPerDay === 0) return { startsPerDay: 0, jobsPerStart: 0, billedHoursPerDay: 0, isTooMuch };
  const batchSeconds = jobSeconds * work.jobsAtOnce;
  const arrivalsPerSecond = work.jobsPerDay / work.jobsAtOnce / (work.hoursADay * HOUR_SECONDS);
  const load = arrivalsPerSecond * batchSeconds;
  // The work does not fit into its hours: the machine is on through all of them, and does the rest after
  // them.
  const alwaysBusy: Usage = {
    startsPerDay: 1,
    jobsPerStart: work.jobsPerDay,
    billedHoursPerDay: Math.min(24, Math.max(work.hoursADay, workHours)),
    isTooMuch,
  };
  if (load >= 1) return alwaysBusy;

  const busySeconds = (work.bootSeconds + work.otherSeconds + batchSeconds) / (1 - load);
  // Each linger ends with another upload with this probability. Then the machine is busy once more.
  const waits = Math.exp(arrivalsPerSecond * work.lingerSeconds);
  const waitSeconds = (waits - 1) / arrivalsPerSecond;
  const onSeconds = busySeconds + waitSeconds + ((waits - 1) * batchSeconds) / (1 - load);
  const jobsPerStart = work.jobsAtOnce * (1 + arrivalsPerSecond * onSeconds);
  const startsPerDay = work.jobsPerDay / jobsPerStart;
  const billedHours = (startsPerDay * Math.max(MINIMUM_BILLED_SECONDS, onSeconds)) / HOUR_SECONDS;
  // Without this bound, a machine that hardly ever stops would be billed a minute for starts that overlap.
  if (billedHours >= alwaysBusy.billedHoursPerDay || !Number.isFinite(onSeconds)) return alwaysBusy;
  return { startsPerDay, jobsPerStart, billedHoursPerDay: billedHours, isTooMuch };
}

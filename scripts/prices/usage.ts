import { MINIMUM_BILLED_SECONDS } from '../../lifecycle/bill';

/** What a pipeline will be given to do, and how long things take. */
export interface Workload {
  readonly jobsPerDay: number;
  /** So many are uploaded together, and then so many more: a folder, a batch. */
  readonly jobsAtOnce: number;
  /** The model's own time for one job. */
  readonly jobMinutes: number;
  /** Jobs come at random within so many hours of a day. */
  readonly hoursADay: number;
  /** From `running` until the model begins: boot, agent, delivery, check. */
  readonly bootSeconds: number;
  /** Beside boot and model: looking for the agent, the drain's calls, hearing of the end. */
  readonly otherSeconds: number;
  readonly lingerSeconds: number;
}

/** docs/ECONOMY.md, "Where the seconds of a single run go": means of the simulator's, not measured on AWS. */
export const TYPICAL = { bootSeconds: 9, otherSeconds: 5 } as const;

const HOUR_SECONDS = 3600;

/** What a day of a workload comes to, on average. */
export interface Usage {
  readonly startsPerDay: number;
  readonly jobsPerStart: number;
  readonly billedHoursPerDay: number;
  /** The machine cannot do so much in a day. */
  readonly isTooMuch: boolean;
}

/**
 * Billed hours and starts of an average day on which jobs, or batches of them, come at random (Poisson) and one machine runs
 * them one after the other. It is a queue with a set-up time (the boot), in which an upload during the linger spares a start: an upload that
 * comes while the machine is on never costs a start of its own. The minute is applied to a start of average length, which is
 * exact where none is shorter.
 */
export function usageOf(work: Workload): Usage {
  const jobSeconds = work.jobMinutes * 60;
  const workHours = (work.jobsPerDay * jobSeconds) / HOUR_SECONDS;
  const isTooMuch = workHours > 24;
  if (work.jobsPerDay === 0) return { startsPerDay: 0, jobsPerStart: 0, billedHoursPerDay: 0, isTooMuch };
  const batchSeconds = jobSeconds * work.jobsAtOnce;
  const arrivalsPerSecond = work.jobsPerDay / work.jobsAtOnce / (work.hoursADay * HOUR_SECONDS);
  const load = arrivalsPerSecond * batchSeconds;
  // More than its hours hold: it is on through them all, and works off the rest after them.
  const through: Usage = {
    startsPerDay: 1,
    jobsPerStart: work.jobsPerDay,
    billedHoursPerDay: Math.min(24, Math.max(work.hoursADay, workHours)),
    isTooMuch,
  };
  if (load >= 1) return through;

  const busySeconds = (work.bootSeconds + work.otherSeconds + batchSeconds) / (1 - load);
  // Each wait for another upload ends in one with this probability, and then the machine is busy once more.
  const waits = Math.exp(arrivalsPerSecond * work.lingerSeconds);
  const waitSeconds = (waits - 1) / arrivalsPerSecond;
  const onSeconds = busySeconds + waitSeconds + ((waits - 1) * batchSeconds) / (1 - load);
  const jobsPerStart = work.jobsAtOnce * (1 + arrivalsPerSecond * onSeconds);
  const startsPerDay = work.jobsPerDay / jobsPerStart;
  const billedHours = (startsPerDay * Math.max(MINIMUM_BILLED_SECONDS, onSeconds)) / HOUR_SECONDS;
  // A machine that hardly ever stops would otherwise be billed a minute for starts that overlap.
  if (billedHours >= through.billedHoursPerDay || !Number.isFinite(onSeconds)) return through;
  return { startsPerDay, jobsPerStart, billedHoursPerDay: billedHours, isTooMuch };
}

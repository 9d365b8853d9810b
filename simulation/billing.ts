import { MINIMUM_BILLED_SECONDS } from '../lifecycle/bill';

/** One time of being `running`, until the instance begins to stop. `pending` and `stopping` cost nothing. */
export interface RunningTime {
  readonly from: number;
  readonly to: number;
}

const MINIMUM_BILL_MS = MINIMUM_BILLED_SECONDS * 1000;

/** The time that EC2 bills, in milliseconds. A time that has not ended is billed until `end`. */
export function billedMs(running: readonly RunningTime[], end = Infinity): number {
  return running.reduce((sum, { from, to }) => sum + billOf(Math.min(to, end) - from), 0);
}

export function billOf(runningMs: number): number {
  return Math.max(MINIMUM_BILL_MS, runningMs);
}

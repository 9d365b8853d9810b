import { MINIMUM_BILLED_SECONDS } from '../lifecycle/bill';

/** When the instance was running: from `running` until it begins to stop. `pending` and `stopping` cost nothing. */
export interface RunningTime {
  readonly from: number;
  readonly to: number;
}

const MINIMUM_BILL_MS = MINIMUM_BILLED_SECONDS * 1000;

/** What EC2 bills, in milliseconds. `end`: what still runs then is billed until then. */
export function billedMs(running: readonly RunningTime[], end = Infinity): number {
  return running.reduce((sum, { from, to }) => sum + billOf(Math.min(to, end) - from), 0);
}

export function billOf(runningMs: number): number {
  return Math.max(MINIMUM_BILL_MS, runningMs);
}

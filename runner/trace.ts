import { timestamp } from '../lifecycle/clock';
import { messageOf } from '../lifecycle/errors';
import { DRAIN_STATUS_KEY } from '../lifecycle/job';
import type { DrainStatus } from '../lifecycle/records';
import type { DrainContext } from './context';

/**
 * D14: writes the trace of work that the breaker reads: `claimed` when the job's program begins, `ended` when the job has its
 * receipt. An attempt that never reaches its program is no work. Ignores a failed write, but logs it.
 */
export async function leaveTrace(
  { control, clock, host, drainId, log, meter }: DrainContext,
  did: DrainStatus['did'],
  jobId: string,
): Promise<void> {
  const status: DrainStatus = {
    version: 1,
    did,
    jobId,
    drainId,
    bootId: host.bootId,
    at: timestamp(clock),
    billed: meter.billed,
  };
  try {
    await control.overwrite(DRAIN_STATUS_KEY, status);
  } catch (error) {
    log.warn('trace of work not left', { jobId, error: messageOf(error) });
  }
}

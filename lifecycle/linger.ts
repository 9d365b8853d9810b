import type { SettleContext } from './settle-context';
import { readTrace } from './trace';

/**
 * Default seconds for which the instance stays on after the last job: half of EC2's one-minute minimum for a start.
 *
 * An upload that arrives just after the tail costs another start, for which EC2 bills at least a minute. A scheduler that knew the future would have kept the
 * instance running instead, and paid for a gap longer than the tail. So the bill is at most about twice the optimum.
 * docs/ECONOMY.md has the arithmetic.
 */
export const DEFAULT_LINGER_SECONDS = 30;

/**
 * L2: whether the drain may still wait for the next upload. The drain itself lingers, so no function sleeps, and the end of
 * its command settles. A sweep that came first would cost a start. Compares S3's clock with this function's clock.
 */
export async function mayLinger({ control, clock, lingerSeconds }: SettleContext): Promise<boolean> {
  if (lingerSeconds === 0) return false;
  const { writtenAt } = await readTrace(control);
  return writtenAt !== undefined && clock.now() - writtenAt.getTime() < lingerSeconds * 1000;
}

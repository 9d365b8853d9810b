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
 * Time from a drain's last trace to the report that its command has ended, without the linger, in seconds. The drain still
 * deletes the job's records, and lists `open/`. Then the agent needs one to two seconds for each step of the command.
 * aws/amazon-ssm-agent, agent/framework/processor/executer/iohandler
 */
export const REPORT_SECONDS = 20;

/**
 * L2: whether the drain may still wait for the next upload. The drain itself lingers, so no function sleeps, and the end of
 * its command settles. A sweep that came first would cost a start. Compares S3's clock with this function's clock.
 *
 * L3: or whether the end of its command may not be reported yet. If a stop overtakes the report, the command stays
 * InProgress. After the next boot it fails, or runs again. Behind a hold the command has ended, and nothing stopped the instance.
 * @param afterHold a person has just ended a hold
 */
export async function drainMayRun(
  { control, clock, lingerSeconds }: SettleContext,
  afterHold: boolean,
): Promise<boolean> {
  const { writtenAt } = await readTrace(control);
  const tailSeconds = afterHold ? lingerSeconds : lingerSeconds + REPORT_SECONDS;
  return writtenAt !== undefined && clock.now() - writtenAt.getTime() < tailSeconds * 1000;
}

import { timestamp, type Clock } from './clock';
import { awsCodeOf, isThrottled, messageOf } from './errors';
import { SHORTAGE_KEY } from './job';
import type { Log } from './log';
import { shortageSchema, type Shortage } from './records';
import type { Store } from './store';

/** Why EC2 does not start the instance, in its own words. */
export type ShortageReason = Pick<Shortage, 'code' | 'message'>;

/**
 * The codes with which EC2 refuses a start although nothing is wrong with the instance: AWS has no capacity, or the account is at
 * a limit. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 */
const SHORTAGE_CODES: readonly string[] = [
  'InsufficientInstanceCapacity',
  'InsufficientHostCapacity',
  'InsufficientCapacity',
  'VcpuLimitExceeded',
  'InstanceLimitExceeded',
  'MaxSpotInstanceCountExceeded',
];

/** The shortage that an error of EC2 reports, or undefined. A throttled call counts: EC2 takes it later. */
export function shortageIn(error: unknown): ShortageReason | undefined {
  const code = awsCodeOf(error) ?? '';
  if (!SHORTAGE_CODES.includes(code) && !isThrottled(error)) return undefined;
  return { code, message: messageOf(error) };
}

type Context = { readonly control: Store; readonly clock: Clock; readonly log: Log };

/** Records the shortage for people, who read it in `status` and `doctor`. No rule reads it, so a failure is only logged. */
export async function noteShortage(context: Context, { code, message }: ShortageReason): Promise<void> {
  const { control, clock, log } = context;
  try {
    const { record, etag } = await control.read(SHORTAGE_KEY, shortageSchema);
    const before = record?.endedAt === undefined ? record : undefined;
    const at = timestamp(clock);
    const refusals = (before?.refusals ?? 0) + 1;
    const shortage = { version: 1, code, message, since: before?.since ?? at, at, refusals } as const;
    await control.replace<Shortage>(SHORTAGE_KEY, shortage, etag);
  } catch (error) {
    log.warn('shortage not recorded', { code, error: messageOf(error) });
  }
}

/** Records that the instance runs again. No rule reads it, so a failure is only logged. */
export async function endShortage({ control, clock, log }: Context): Promise<void> {
  try {
    const { record, etag } = await control.read(SHORTAGE_KEY, shortageSchema);
    if (!record || record.endedAt !== undefined) return;
    await control.replace<Shortage>(SHORTAGE_KEY, { ...record, endedAt: timestamp(clock) }, etag);
    log.info('the shortage is over', { code: record.code, since: record.since });
  } catch (error) {
    log.warn('the end of the shortage is not recorded', { error: messageOf(error) });
  }
}

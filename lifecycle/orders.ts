import { timestamp, type Clock } from './clock';
import { ConflictError, messageOf } from './errors';
import type { InstanceReading } from './instance';
import { ORDERS_KEY } from './job';
import { ordersSchema, type Orders } from './records';
import type { SettleContext } from './settle-context';
import type { Store } from './store';

/** Maximum attempts to write the orders while other writers change them. */
const WRITE_TRIES = 8;

/** Time that EC2 gets to show a tag that was just set or removed, in milliseconds. EC2's reads lag behind its writes by seconds. */
const TAG_SHOWN_MS = 60_000;

/** Why the pipeline is paused, or undefined. Unreadable orders pause nothing: the instance's tag still does. */
export async function readPause(control: Store): Promise<string | undefined> {
  return (await control.read(ORDERS_KEY, ordersSchema)).record?.pause;
}

/**
 * Sets the pause, or ends it with `undefined`. The caller sets or removes the tag of the instance as well.
 * Throws ConflictError if other writers change the orders all the time, and an error of S3.
 */
export async function writePause(
  { control, clock, by }: { readonly control: Store; readonly clock: Clock; readonly by: string },
  pause: string | undefined,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const { etag } = await control.read(ORDERS_KEY, ordersSchema);
    try {
      await control.replace<Orders>(ORDERS_KEY, ordersOf(pause, by, clock), etag);
      return;
    } catch (error) {
      if (!(error instanceof ConflictError) || tries === WRITE_TRIES) throw error;
    }
  }
}

/**
 * W13: copies a pause that people have set or ended by hand, with the instance's tag alone. The sweep calls it before it
 * settles. Orders that were written within a minute stay: EC2 may not show their tag yet. A failure is only logged.
 */
export async function copyPauseTag(context: SettleContext): Promise<void> {
  const { control, clock, by, log } = context;
  try {
    const startedMs = clock.now();
    const { pause }: InstanceReading = await context.instance.read();
    const { record, etag, lastModified, isNewer } = await control.read(ORDERS_KEY, ordersSchema);
    const isSame = (pause === undefined) === (record?.pause === undefined);
    const isYoung = lastModified !== undefined && startedMs - lastModified.getTime() < TAG_SHOWN_MS;
    if (isSame || isYoung || isNewer) return;
    await control.replace<Orders>(ORDERS_KEY, ordersOf(pause, by, clock), etag);
    log.info('the pause is copied from the tag of the instance', { pause: pause ?? 'none' });
  } catch (error) {
    log.warn('the tag of the pause is not copied', { error: messageOf(error) });
  }
}

function ordersOf(pause: string | undefined, by: string, clock: Clock): Omit<Orders, 'nonce'> {
  return { version: 1, ...(pause !== undefined && { pause }), by, at: timestamp(clock) };
}

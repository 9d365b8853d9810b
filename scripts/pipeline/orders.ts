import { userInfo } from 'node:os';
import { systemClock } from '../../lifecycle/clock';
import { messageOf } from '../../lifecycle/errors';
import { readPause, writePause } from '../../lifecycle/orders';
import { BrokenError, UsageError } from '../console/exit';
import type { CommandResult, PipelineHandle } from './connect';
import { readInstance } from './readings/instance';
import { listOpen } from './readings/open-jobs';
import { sweepNow, sweepText } from './sweep';
import { type Order, clearOrder, setOrder, waitForInstance } from './order-tags';

/** Maximum time that a start waits for a stopping instance to stop, and for a pending instance to run, in milliseconds. */
const STATE_LIMIT_MS = 5 * 60_000;

/** Keeps the instance from being started. Uploads are still admitted, and wait. */
export async function pause(handle: PipelineHandle, why: string | undefined): Promise<CommandResult> {
  const { pause: tag, state } = await readInstance(handle);
  const ordered = await readPause(handle.control);
  const before = tag ?? ordered;
  const open = (await listOpen(handle.control)).jobs.length;
  const value = before ?? orderText(why);
  // The functions read the orders at once, and the tag only some seconds later.
  if (ordered === undefined) await writePause(writerOf(handle), value);
  if (tag === undefined) await setOrder(handle, 'pause', value);
  const lines = [
    before === undefined
      ? 'Paused: the instance is not started until you run: npx lamplighter resume'
      : `The pipeline was already paused: ${before}`,
    `${jobsAre(open)} open; uploads are still admitted and wait.`,
  ];
  if (state === 'running' || state === 'pending') {
    lines.push(`The instance is ${state}: it still runs the jobs that are open.`);
  }
  return { changed: before === undefined, lines, facts: { pause: value, open, instance: state } };
}

/** Ends a pause of a person or of the breaker, and sweeps, so that open jobs start. */
export async function resume(handle: PipelineHandle): Promise<CommandResult> {
  const { before, sweep, ...done } = await endOrder(handle, 'pause', 'The pipeline was not paused', 'paused');
  return { ...done, facts: { pausedBefore: before, sweep } };
}

/** Keeps the instance from being stopped. */
export async function hold(handle: PipelineHandle, why: string | undefined): Promise<CommandResult> {
  const { hold: before, state } = await readInstance(handle);
  const value = before ?? orderText(why);
  if (before === undefined) await setOrder(handle, 'hold', value);
  const lines = [
    before === undefined
      ? 'Held: once the instance is on, it stays on and costs money until you run: npx lamplighter release'
      : `The instance was already held: ${before}`,
    state === 'stopped' || state === 'stopping'
      ? `The instance is ${state}. A hold does not start it; npx lamplighter warm or the next upload does.`
      : `The instance is ${state}.`,
  ];
  return { changed: before === undefined, lines, facts: { hold: value, instance: state } };
}

/** Ends a hold, and sweeps, so that the instance stops if no job is open. */
export async function release(handle: PipelineHandle): Promise<CommandResult> {
  const { before, sweep, ...done } = await endOrder(handle, 'hold', 'The instance was not held', 'held');
  return { ...done, facts: { heldBefore: before, sweep } };
}

/** Ends an order if there is one, and sweeps in any case. */
async function endOrder(handle: PipelineHandle, order: Order, none: string, state: string) {
  const { [order]: tag } = await readInstance(handle);
  const before = tag ?? (order === 'pause' ? await readPause(handle.control) : undefined);
  if (tag !== undefined) await clearOrder(handle, order);
  // The tag goes first: a sweep would copy a tag that is older than the orders.
  if (order === 'pause' && before !== undefined) await writePause(writerOf(handle), undefined);
  const did = before === undefined ? none : `No longer ${state} (the order was: ${before})`;
  const afterHold = order === 'hold' && before !== undefined;
  const sweep = await sweepNow(handle, did, afterHold ? { afterHold } : {});
  const lines = [`${did}.`, await sweepText(handle, sweep)];
  return { changed: before !== undefined, lines, before: before ?? null, sweep };
}

/**
 * Starts the instance and holds it: without the hold, the next sweep would stop an instance that has no job. The gate stays as
 * it is; the next upload opens it.
 */
export async function warm(handle: PipelineHandle, why: string | undefined): Promise<CommandResult> {
  const before = await readInstance(handle);
  const pause = before.pause ?? (await readPause(handle.control));
  if (pause !== undefined) {
    throw new UsageError(
      `The pipeline is paused (${pause}), so its instance must not be started. First run: npx lamplighter resume`,
    );
  }
  // The hold comes first, because the stop function reads it before it stops the instance.
  const value = before.hold ?? orderText(why);
  if (before.hold === undefined) await setOrder(handle, 'hold', value);
  const wasOn = before.state === 'running';
  if (!wasOn) await start(handle);
  return {
    changed: !wasOn || before.hold === undefined,
    lines: [
      wasOn ? 'The instance was already on.' : 'The instance is on.',
      'It is held: it stays on and costs money until you run: npx lamplighter release',
    ],
    facts: { hold: value, was: before.state },
  };
}

async function start(handle: PipelineHandle): Promise<void> {
  // A stopping instance cannot be started. EC2's reading may be old; EC2 then refuses the start.
  await waitForInstance(
    handle,
    'accepts a start',
    async ({ state }) => state !== 'stopping' && (await isStarted(handle)),
    STATE_LIMIT_MS,
  );
  await waitForInstance(handle, 'runs', ({ state }) => state === 'running', STATE_LIMIT_MS);
}

async function isStarted({ instance }: PipelineHandle): Promise<boolean> {
  const start = await instance.start();
  if (start.refused === 'shortage') {
    const { code, message } = start.shortage;
    throw new BrokenError(`EC2 does not start ${instance.id} now: ${code}: ${message}`);
  }
  return start.refused === false;
}

const writerOf = ({ control }: PipelineHandle) => ({ control, clock: systemClock, by: userName() });

/** The value of an order's tag, for other people: user, time, reason. */
function orderText(why: string | undefined): string {
  return `${userName()}, ${new Date().toISOString()}${why === undefined ? '' : `: ${why}`}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    // The user of a container may have no name.
    return `unknown user (${messageOf(error)})`;
  }
}

function jobsAre(count: number): string {
  return count === 1 ? '1 job is' : `${count === 0 ? 'No' : count} jobs are`;
}

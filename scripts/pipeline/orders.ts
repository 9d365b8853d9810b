import { userInfo } from 'node:os';
import { messageOf } from '../../lifecycle/errors';
import { UsageError } from '../console/exit';
import type { CommandResult, PipelineHandle } from './connect';
import { readInstance } from './readings/instance';
import { listOpen } from './readings/open-jobs';
import { sweepNow, sweepText } from './sweep';
import { setOrder, clearOrder, waitForInstance } from './order-tags';

/** A start waits this long for an instance that is still stopping, and for one that is coming up. */
const STATE_LIMIT_MS = 5 * 60_000;

/** Orders that the instance be not started: uploads are admitted and wait. */
export async function pause(handle: PipelineHandle, why: string | undefined): Promise<CommandResult> {
  const { pause: before, state } = await readInstance(handle);
  const open = (await listOpen(handle.control)).jobs.length;
  const value = before ?? reasonOf(why);
  if (before === undefined) await setOrder(handle, 'pause', value);
  const lines = [
    before === undefined
      ? 'Paused: the instance is not started until you say: npx lamplighter resume'
      : `It was paused already: ${before}`,
    `${jobs(open)} open; uploads are still admitted and wait.`,
  ];
  if (state === 'running' || state === 'pending') {
    lines.push(`The instance is ${state}: what it has begun, and what it finds open, it still runs.`);
  }
  return { changed: before === undefined, lines, facts: { pause: value, open, instance: state } };
}

/** Takes the pause back, whoever gave it, and has open jobs start. */
export async function resume(handle: PipelineHandle): Promise<CommandResult> {
  const { pause: before } = await readInstance(handle);
  if (before !== undefined) await clearOrder(handle, 'pause');
  const said = before === undefined ? 'It was not paused.' : `No longer paused (it was: ${before}).`;
  const sweep = await sweepNow(handle, said.replace(/\.$/, ''));
  return {
    changed: before !== undefined,
    lines: [said, await sweepText(handle, sweep)],
    facts: { pausedBefore: before ?? null, sweep },
  };
}

/** Orders that the instance be not stopped. */
export async function hold(handle: PipelineHandle, why: string | undefined): Promise<CommandResult> {
  const { hold: before, state } = await readInstance(handle);
  const value = before ?? reasonOf(why);
  if (before === undefined) await setOrder(handle, 'hold', value);
  const lines = [
    before === undefined
      ? 'Held: once on, the instance stays on, and is paid for, until you say: npx lamplighter release'
      : `It was held already: ${before}`,
    state === 'stopped' || state === 'stopping'
      ? `It is ${state}. A hold does not start it; npx lamplighter warm does, or the next upload.`
      : `It is ${state}.`,
  ];
  return { changed: before === undefined, lines, facts: { hold: value, instance: state } };
}

/** Takes the hold back, and has the instance stop if nothing is open. */
export async function release(handle: PipelineHandle): Promise<CommandResult> {
  const { hold: before } = await readInstance(handle);
  if (before !== undefined) await clearOrder(handle, 'hold');
  const said = before === undefined ? 'It was not held.' : `No longer held (it was: ${before}).`;
  const sweep = await sweepNow(handle, said.replace(/\.$/, ''));
  return {
    changed: before !== undefined,
    lines: [said, await sweepText(handle, sweep)],
    facts: { heldBefore: before ?? null, sweep },
  };
}

/**
 * Starts the instance now and holds it: without the hold the next sweep would stop a machine with nothing to do. The gate
 * stays as it is; an upload opens it, and finds the machine on.
 */
export async function warm(handle: PipelineHandle, why: string | undefined): Promise<CommandResult> {
  const before = await readInstance(handle);
  if (before.pause !== undefined) {
    throw new UsageError(
      `The pipeline is paused (${before.pause}), which means: do not start it. First say: npx lamplighter resume`,
    );
  }
  // First the hold: whoever stops reads it before.
  const value = before.hold ?? reasonOf(why);
  if (before.hold === undefined) await setOrder(handle, 'hold', value);
  const wasOn = before.state === 'running';
  if (!wasOn) await start(handle);
  return {
    changed: !wasOn || before.hold === undefined,
    lines: [
      wasOn ? 'The instance was on already.' : 'The instance is on.',
      'It is held: it stays on, and is paid for, until you say: npx lamplighter release',
    ],
    facts: { hold: value, was: before.state },
  };
}

async function start(handle: PipelineHandle): Promise<void> {
  // One that is stopping cannot be started; what EC2 shows may be old news, then it refuses the start.
  await waitForInstance(
    handle,
    'takes a start',
    async ({ state }) => state !== 'stopping' && !(await handle.instance.start()).refused,
    STATE_LIMIT_MS,
  );
  await waitForInstance(handle, 'runs', ({ state }) => state === 'running', STATE_LIMIT_MS);
}

/** The tag's value, for whoever finds it: who, when, why. */
function reasonOf(why: string | undefined): string {
  return `${userName()}, ${new Date().toISOString()}${why === undefined ? '' : `: ${why}`}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    // A container may run as a user that has no name.
    return `unknown user (${messageOf(error)})`;
  }
}

export function jobs(count: number): string {
  return count === 1 ? '1 job is' : `${count === 0 ? 'No' : count} jobs are`;
}

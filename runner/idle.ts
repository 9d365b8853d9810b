import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../lifecycle/errors';
import type { Log } from '../lifecycle/log';

/** What the idle-shutdown timer knows each minute; times in milliseconds since the epoch. */
export interface IdleFacts {
  readonly now: number;
  readonly bootedAt: number;
  /** When a drain last showed that it lives; undefined: never. */
  readonly heartbeatAt: number | undefined;
  /** People's order not to stop the instance; `unknown` when the metadata service does not answer. */
  readonly hold: 'held' | 'not held' | 'unknown';
  readonly idleShutdownMinutes: number;
}

/**
 * Whether the machine has had nothing to do for so long that it switches itself off: the last of the three nets. An
 * unknown hold does not keep it on: a machine without a metadata service has no credentials, so no drain can work on it.
 */
export function isIdle({ now, bootedAt, heartbeatAt, hold, idleShutdownMinutes }: IdleFacts): boolean {
  const lastSign = Math.max(bootedAt, heartbeatAt ?? bootedAt);
  return hold !== 'held' && now - lastSign > idleShutdownMinutes * 60_000;
}

/** Another program holds the drain lock: flock's exit code, of our choosing. */
const LOCKED = 75;

/** Switches the machine off if it is idle. Called each minute by a systemd timer. */
export async function shutDownIfIdle(root: string, idleShutdownMinutes: number, log: Log): Promise<void> {
  const facts: IdleFacts = {
    now: Date.now(),
    bootedAt: Date.now() - uptime() * 1000,
    heartbeatAt: await modifiedAt(join(root, 'run', 'heartbeat')),
    hold: await readHold(fetch),
    idleShutdownMinutes,
  };
  if (!isIdle(facts)) return;

  const code = await powerOffUnderLock(join(root, 'run', 'drain.lock'));
  if (code === LOCKED) log.info('idle, but a drain holds the lock');
  else if (code === 0) log.warn('no drain for a while: switching the machine off', { idleShutdownMinutes });
  else log.error('idle, but the machine could not be switched off', { code });
}

/** By then systemd has ended the agent and whatever it runs, in seconds. */
const LOCK_HELD_SECONDS = 15;

/**
 * Switches the machine off under the drain's lock, which is held on to: poweroff only asks for it and returns, and a
 * command that comes in the seconds before the end would have its drain begin a model. The lock's holder does not heed the
 * SIGTERM that systemd sends to this service as well. Returns the exit code, or what went wrong.
 */
export function powerOffUnderLock(
  lock: string,
  heldSeconds: number = LOCK_HELD_SECONDS,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<number | string> {
  const script = `trap '' TERM; systemctl poweroff && sleep ${heldSeconds}`;
  return exitCodeOf('flock', ['-n', '-E', String(LOCKED), lock, 'sh', '-c', script], environment);
}

const METADATA = 'http://169.254.169.254/latest';
const METADATA_TIMEOUT_MS = 2_000;

/** Reads the order from the instance's tags, as its metadata service (version 2) shows them. */
export async function readHold(request: typeof fetch): Promise<IdleFacts['hold']> {
  try {
    const token = await request(`${METADATA}/api/token`, {
      method: 'PUT',
      headers: { 'X-aws-ec2-metadata-token-ttl-seconds': '60' },
      signal: AbortSignal.timeout(METADATA_TIMEOUT_MS),
    });
    if (!token.ok) return 'unknown';
    const tag = await request(`${METADATA}/meta-data/tags/instance/lamplighter:hold`, {
      headers: { 'X-aws-ec2-metadata-token': await token.text() },
      signal: AbortSignal.timeout(METADATA_TIMEOUT_MS),
    });
    if (tag.status === 404) return 'not held';
    return tag.ok ? 'held' : 'unknown';
  } catch {
    return 'unknown';
  }
}

async function modifiedAt(file: string): Promise<number | undefined> {
  return (await stat(file).catch(() => undefined))?.mtimeMs;
}

function exitCodeOf(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<number | string> {
  return new Promise((resolve) => {
    execFile(command, args, { env: environment }, (error) => {
      resolve(error === null ? 0 : (error.code ?? messageOf(error)));
    });
  });
}

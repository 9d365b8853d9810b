import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../lifecycle/errors';
import type { Log } from '../lifecycle/log';

/** What the idle timer reads each minute. Times are milliseconds since the epoch. */
export interface IdleFacts {
  readonly now: number;
  readonly bootedAt: number;
  /** Time of the last heartbeat of a drain. Undefined: none yet. */
  readonly heartbeatAt: number | undefined;
  /** The tag `lamplighter:hold` of the instance. `unknown`: the metadata service does not answer. */
  readonly hold: 'held' | 'not held' | 'unknown';
  readonly idleShutdownMinutes: number;
}

/**
 * True if no drain has run for `idleShutdownMinutes` (T2) and people do not hold the instance (T1). The machine then
 * switches itself off: the last of the three nets.
 * An unknown hold does not keep the machine on: without a metadata service it has no credentials, so no drain can work.
 */
export function isIdle({ now, bootedAt, heartbeatAt, hold, idleShutdownMinutes }: IdleFacts): boolean {
  const idleSince = Math.max(bootedAt, heartbeatAt ?? bootedAt);
  return hold !== 'held' && now - idleSince > idleShutdownMinutes * 60_000;
}

/** Exit code that we have flock return if another program holds the drain lock. */
const LOCKED = 75;

/** Switches the machine off if it is idle. A systemd timer calls this each minute. */
export async function shutDownIfIdle(root: string, idleShutdownMinutes: number, log: Log): Promise<void> {
  const heartbeat = await stat(join(root, 'run', 'heartbeat')).catch(() => undefined);
  const facts: IdleFacts = {
    now: Date.now(),
    bootedAt: Date.now() - uptime() * 1000,
    heartbeatAt: heartbeat?.mtimeMs,
    hold: await readHold(fetch),
    idleShutdownMinutes,
  };
  if (!isIdle(facts)) return;

  const code = await powerOffUnderLock(join(root, 'run', 'drain.lock'));
  if (code === LOCKED) log.info('idle, but a drain holds the lock');
  else if (code === 0) log.warn('no drain for a while: switching the machine off', { idleShutdownMinutes });
  else log.error('idle, but the machine could not be switched off', { code });
}

/** Seconds after which systemd has ended the SSM agent and its commands. */
const LOCK_HELD_SECONDS = 15;

/**
 * Switches the machine off and holds the drain lock for some more seconds. Without the lock, a drain could begin a
 * model on a machine that is going down:
 * 1. `systemctl poweroff` returns before the machine is off.
 * 2. The SSM agent receives a command and starts a drain.
 *
 * The shell ignores the SIGTERM that systemd sends to this service too. Returns the exit code, or the error's message.
 */
export function powerOffUnderLock(
  lock: string,
  heldSeconds: number = LOCK_HELD_SECONDS,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<number | string> {
  const script = `trap '' TERM; systemctl poweroff && sleep ${heldSeconds}`;
  const args = ['-n', '-E', String(LOCKED), lock, 'sh', '-c', script];
  return new Promise((resolve) => {
    execFile('flock', args, { env: environment }, (error) => {
      resolve(error === null ? 0 : (error.code ?? messageOf(error)));
    });
  });
}

const METADATA = 'http://169.254.169.254/latest';
const METADATA_TIMEOUT_MS = 2_000;

/** Reads the tag `lamplighter:hold` from the instance's metadata service (version 2). */
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

import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { messageOf } from '../lifecycle/errors';
import type { Log } from '../lifecycle/log';
import { readHold, type Hold } from './metadata';

/** What the idle timer reads each minute. Times are milliseconds since the epoch. */
export interface IdleFacts {
  readonly now: number;
  readonly bootedAt: number;
  /** Time of the last heartbeat of a drain. Undefined: none yet. */
  readonly heartbeatAt: number | undefined;
  /** The tag `lamplighter:hold` of the instance, as `holdInForce` finds it. */
  readonly hold: Hold;
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

/** A moment of the machine. A correction of the clock does not change it. */
export interface MachineTime {
  readonly bootId: string;
  readonly uptimeSeconds: number;
}

const holdAnswerSchema = z.object({
  bootId: z.string(),
  uptimeSeconds: z.number(),
  hold: z.enum(['held', 'not held']),
});

/** An answer of the metadata service about the tag `lamplighter:hold`, and when it came. */
export type HoldAnswer = z.infer<typeof holdAnswerSchema>;

/** Seconds for which an answer counts if the metadata service is silent. */
const ANSWER_COUNTS_SECONDS = 600;

/**
 * The hold that counts. If the metadata service is silent, its last answer counts for ten minutes (T3). The timer asks once
 * a minute, and one missing answer must not switch a held machine off. An answer of an earlier boot does not count.
 */
export function holdInForce(read: Hold, last: HoldAnswer | undefined, now: MachineTime): Hold {
  if (read !== 'unknown' || last?.bootId !== now.bootId) return read;
  return now.uptimeSeconds - last.uptimeSeconds <= ANSWER_COUNTS_SECONDS ? last.hold : 'unknown';
}

/** Exit code that we have flock return if another program holds the drain lock. */
const LOCKED = 75;

/** What the idle timer needs of the machine. */
export interface IdlePorts {
  /** The runner's root folder, e.g. /opt/lamplighter. */
  readonly root: string;
  readonly idleShutdownMinutes: number;
  readonly log: Log;
  readonly bootId: string;
  /** Sends requests to EC2's metadata service. */
  readonly request: typeof fetch;
  readonly uptimeSeconds: () => number;
  /** Returns the exit code, or the error's message. */
  readonly powerOff: (lock: string) => Promise<number | string>;
}

/** Switches the machine off if it is idle. A systemd timer calls this each minute. */
export async function shutDownIfIdle(
  ports: Pick<IdlePorts, 'root' | 'idleShutdownMinutes' | 'log' | 'bootId'> & Partial<IdlePorts>,
): Promise<void> {
  const { root, idleShutdownMinutes, log, bootId } = ports;
  const { request = fetch, uptimeSeconds = uptime, powerOff = powerOffUnderLock } = ports;
  const heartbeat = await stat(join(root, 'run', 'heartbeat')).catch(() => undefined);
  const time = { bootId, uptimeSeconds: uptimeSeconds() };
  const facts: IdleFacts = {
    now: Date.now(),
    bootedAt: Date.now() - time.uptimeSeconds * 1000,
    heartbeatAt: heartbeat?.mtimeMs,
    hold: await readHoldInForce(join(root, 'run', 'hold.json'), request, time, log),
    idleShutdownMinutes,
  };
  if (!isIdle(facts)) return;

  log.warn('no drain for a while: switching the machine off', { idleShutdownMinutes });
  const code = await powerOff(join(root, 'run', 'drain.lock'));
  if (code === LOCKED) log.info('idle, but a drain holds the lock');
  else if (code !== 0) log.error('idle, but the machine could not be switched off', { code });
}

/** Reads the hold, and keeps the answer for a later time at which the metadata service is silent. */
async function readHoldInForce(
  file: string,
  request: typeof fetch,
  now: MachineTime,
  log: Log,
): Promise<Hold> {
  const read = await readHold(request);
  if (read === 'unknown') {
    const hold = holdInForce(read, await lastAnswer(file), now);
    log.warn('the metadata service does not say whether people hold the instance', { assumed: hold });
    return hold;
  }
  await keepAnswer(file, { ...now, hold: read }).catch((error: unknown) => {
    log.error('the answer of the metadata service could not be kept', { error: messageOf(error) });
  });
  return read;
}

async function lastAnswer(file: string): Promise<HoldAnswer | undefined> {
  try {
    return holdAnswerSchema.safeParse(JSON.parse(await readFile(file, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Length of the file with the last answer. */
const ANSWER_BYTES = 256;

/** Writes into the block that the file has already. So a full disk, on which a person works, does not stop it. */
async function keepAnswer(file: string, answer: HoldAnswer): Promise<void> {
  const opened = await open(file, constants.O_WRONLY | constants.O_CREAT, 0o644);
  try {
    await opened.write(JSON.stringify(answer).padEnd(ANSWER_BYTES), 0);
  } finally {
    await opened.close();
  }
}

/**
 * Switches the machine off. A process that stays behind holds the drain lock until the machine ends it. Without the lock, a
 * drain could begin a model on a machine that is going down:
 * 1. `systemctl poweroff` returns before the machine is off.
 * 2. The SSM agent receives a command and starts a drain.
 *
 * The unit of this service has `KillMode=process`, so that its end does not end the holder. Returns 0 when the shutdown is
 * ordered, else the exit code or the error's message.
 */
export function powerOffUnderLock(
  lock: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<number | string> {
  const args = [
    '-n',
    '-E',
    String(LOCKED),
    lock,
    'sh',
    '-c',
    'systemctl poweroff && echo ordered && exec sleep infinity',
  ];
  return new Promise((resolve) => {
    const holder = spawn('flock', args, {
      env: environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    holder.once('error', (error) => resolve(messageOf(error)));
    holder.once('exit', (code, signal) => resolve(code ?? `flock was ended by ${signal ?? 'nothing'}`));
    holder.stdout.once('data', () => {
      holder.unref();
      holder.stdout.destroy();
      resolve(0);
    });
  });
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LamplighterError, messageOf } from '../../lifecycle/errors';
import { MotoApi } from './moto-api';
import { type Processes, killGroup } from '../../scripts/tools/process-groups';

const START_LIMIT_MS = 60_000;

/** Number of tries. Another program may take the free port before moto does. */
const PORT_TRIES = 3;

interface MotoOptions {
  /** The executable. */
  readonly command: string;
  readonly directory: string;
  readonly region: string;
  readonly processes: Processes;
  /** Called when moto ends before it was stopped. */
  readonly onDeath: () => void;
}

/** A running moto server. */
export interface Moto {
  readonly api: MotoApi;
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * Starts moto's server on a free port of 127.0.0.1 and waits until it answers. Throws LamplighterError, with moto's output,
 * if it does not.
 */
export async function startMoto(options: MotoOptions): Promise<Moto> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (tries >= PORT_TRIES || !messageOf(error).includes('in use')) throw error;
    }
  }
}

async function startOnce(options: MotoOptions): Promise<Moto> {
  const port = await freePort();
  const logFile = join(options.directory, 'moto.log');
  const log = openSync(logFile, 'w');
  const child = spawn('/bin/sh', ['-c', WITH_DEAD_MANS_SWITCH, 'sh', options.command, ...listenOn(port)], {
    detached: true,
    stdio: ['ignore', log, log, 'pipe'],
    // moto has AWS's managed policies only if asked to load them.
    env: { ...environmentWithoutAws(), MOTO_IAM_LOAD_MANAGED_POLICIES: 'true' },
  });
  closeSync(log);
  options.processes.add(child);
  let isUp = false;
  child.once('exit', () => {
    // The dead man's switch must not outlive moto.
    child.stdio[3]?.destroy();
    if (isUp) options.onDeath();
  });
  const moto: Moto = {
    api: new MotoApi(port, options.region),
    pid: child.pid ?? -1,
    stop: () => {
      isUp = false;
      return stop(child);
    },
  };
  try {
    await untilItAnswers(moto.api, child);
    // moto's Lambda needs a container engine unless this is set. The gateway runs the functions.
    await moto.api.request('POST', '/moto-api/config', { body: '{"lambda":{"use_docker":false}}' });
    isUp = true;
    return moto;
  } catch (cause) {
    await moto.stop();
    throw new LamplighterError(
      `moto's server (${options.command}) did not start: ${messageOf(cause)}.${hint(options.command)}\n${tail(logFile)}`.trim(),
      { cause },
    );
  }
}

/** Only moto from the PATH gets the hint. */
const hint = (command: string) =>
  command.includes('/') ? '' : ` Repair it, or remove it from the PATH: Lamplighter then installs its own.`;

/** Ends moto with our process: its death closes file descriptor 3, `cat` ends, and `kill` follows. */
const WITH_DEAD_MANS_SWITCH = '(cat <&3 >/dev/null 2>&1; kill -9 -$$) & exec "$@" 3<&-';

const listenOn = (port: number) => ['-H', '127.0.0.1', '-p', String(port)];

async function untilItAnswers(api: MotoApi, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new LamplighterError(
        child.exitCode === 127 ? 'there is no such program' : `it ended with exit code ${child.exitCode}`,
      );
    }
    try {
      await api.request('GET', '/moto-api/');
      return;
    } catch (error) {
      if (Date.now() > deadline)
        throw new LamplighterError('it did not answer in a minute', { cause: error });
      await sleep(50);
    }
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  // moto keeps everything in memory: an orderly end would save nothing.
  killGroup(child.pid);
  await ended;
}

/** The environment without the user's settings for the real AWS, which must not reach moto. */
function environmentWithoutAws(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_')));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new LamplighterError('no free port');
  return address.port;
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').split('\n').slice(-15).join('\n');
}

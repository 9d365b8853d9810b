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

/** Another program may take the free port in the moment between choosing and using it. */
const PORT_TRIES = 3;

interface MotoOptions {
  /** The executable. */
  readonly command: string;
  readonly directory: string;
  readonly region: string;
  readonly processes: Processes;
  /** Told when moto ends without having been stopped. */
  readonly onDeath: () => void;
}

/** A running moto server. */
export interface Moto {
  readonly api: MotoApi;
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * Starts moto's server on a free port of 127.0.0.1 and waits until it answers. Throws
 * LamplighterError, with what moto printed, when it does not come up.
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
    // AWS's own managed policies are there only on demand.
    env: { ...environmentWithoutAws(), MOTO_IAM_LOAD_MANAGED_POLICIES: 'true' },
  });
  closeSync(log);
  options.processes.add(child);
  let isWanted = false;
  child.once('exit', () => {
    // The dead man's switch must not outlive what it watches over.
    child.stdio[3]?.destroy();
    if (isWanted) options.onDeath();
  });
  const moto: Moto = {
    api: new MotoApi(port, options.region),
    pid: child.pid ?? -1,
    stop: () => {
      isWanted = false;
      return stop(child);
    },
  };
  try {
    await untilItAnswers(moto.api, child);
    // Without a container engine moto's Lambda could not even be asked to run anything; the gateway runs the functions.
    await moto.api.request('POST', '/moto-api/config', { body: '{"lambda":{"use_docker":false}}' });
    isWanted = true;
    return moto;
  } catch (cause) {
    await moto.stop();
    throw new LamplighterError(
      `moto's server (${options.command}) did not start: ${messageOf(cause)}.${hint(options.command)}\n${tail(logFile)}`.trim(),
      { cause },
    );
  }
}

/** A program of the user's own may be anything. */
const hint = (command: string) =>
  command.includes('/') ? '' : ` Mend it, or take it off the PATH: then Lamplighter installs one of its own.`;

/** When our process dies, however it dies, its end of file descriptor 3 closes, `cat` ends, and so does moto. */
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
  // moto keeps everything in memory: there is nothing that a gentle end would save.
  killGroup(child.pid);
  await ended;
}

/** What the person has set for the real AWS must not reach moto. */
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

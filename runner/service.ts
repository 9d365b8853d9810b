import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../lifecycle/errors';
import { Interruption } from './failures';
import type { MemoryUse, ModelProcess, ProcessEnd, ProcessOutput } from './host';
import { makeFolder } from './make-folder';
import { OUTPUT_WAIT_MS } from './process-group';
import { hasProcesses, killService, systemctl } from './slice';

/** A program that will run as a systemd service. */
export interface ServiceStart {
  /** The unit's name, unique on this machine. It ends with `.service`. */
  readonly unit: string;
  readonly slice: string;
  /** The folder of the service's signs, which only root can enter. */
  readonly signs: string;
  /** The service's properties, of `walls`. */
  readonly properties: readonly string[];
  readonly command: readonly string[];
  readonly environment: Record<string, string>;
  readonly output: ProcessOutput;
}

/**
 * Root's folder of signs: files that say whether a program has begun and how it ended. It is in memory, because a model may
 * fill the disk.
 */
export const SIGNS = '/run/lamplighter';

/**
 * Seconds between SIGTERM and SIGKILL in a shutdown, and for processes that the program leaves behind. The attempt waits for
 * these, so the time is short.
 */
const STOP_SECONDS = 2;

/** Maximum rounds of killing a service, and the pauses after them: of a service that ran, and of one that may begin. */
const ROUNDS = 5;
const KILLED_MS = 2_000;
const ROUND_MS = 250;

/**
 * The first command of the service, which becomes the program. It runs when all walls stand, and says so in a file that is
 * its standard input. The program gets another one: at its end. No exit code of the program can stand for this sign.
 */
const BEGIN = ['/bin/sh', '-c', 'printf begun >&0; exec "$@" </dev/null', 'sh'];

/**
 * The last command of the service, a script that root runs in the folder of signs. systemd-run itself returns 0 for a service
 * that died of SIGTERM. The memory counters are those of control groups of version 2, or else of version 1.
 */
const SAY_END = `exec >"$1/end" 2>/dev/null
echo $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS
v2=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
v1=/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
echo peak $(cat $v2/memory.peak || cat $v1/memory.max_usage_in_bytes)
grep -h '^oom_kill ' $v2/memory.events || grep -h '^oom_kill ' $v1/memory.oom_control
`;

/** Starts a program as a service. Throws Interruption if systemd-run cannot be started. */
export async function startService(start: ServiceStart): Promise<ModelProcess> {
  const { unit, slice, signs, environment, output } = start;
  await makeFolder(signs, 0o700);
  await writeFile(join(signs, 'say-end'), SAY_END);
  const begun = await open(join(signs, 'begun'), 'w');
  const child = spawn('systemd-run', argumentsOf(start), {
    env: { PATH: environment.PATH },
    detached: true,
    stdio: [begun.fd, 'pipe', 'pipe'],
  });
  child.stdout?.on('data', (chunk: Buffer) => output.stdout(chunk));
  child.stderr?.on('data', (chunk: Buffer) => output.stderr(chunk));
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  try {
    await started(child);
  } finally {
    await begun.close();
  }
  let end: ServiceEnd | undefined;
  const ended = exited.then(async () => {
    const signed = await readSigns(signs);
    // systemd-run has lost its connection to systemd: the program may still run, or be about to begin.
    for (let round = 0; !signed.isKnown && round < 3; round += 1) await endRound(start, sleep(ROUND_MS));
    // D20: a process that the kernel holds outlives its service.
    while (await hasProcesses(slice, unit)) await sleep(ROUND_MS);
    end = signed;
    return end.exit;
  });
  return {
    ended,
    hasBegun: () => end?.hasBegun === true,
    memory: () => end?.memory ?? { ranOut: false },
    terminate: () => void systemctl('kill', '--signal=SIGTERM', unit),
    killAll: async () => {
      if (!end) await endService(start, child, ended);
      await Promise.race([closed, sleep(OUTPUT_WAIT_MS)]);
      child.stdout?.destroy();
      child.stderr?.destroy();
      if (end) await rm(signs, { recursive: true, force: true });
    },
  };
}

/** Kills a service until it has ended. Gives up after some rounds: the kernel holds a process. */
async function endService(start: ServiceStart, child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const end = await endRound(start, ended);
    if (end === 'ended') return;
    // systemd-run has not asked for the service yet, and must not any more.
    if (end === 'was not there' && round > 0) child.kill('SIGKILL');
  }
}

/** One round of ending a service. */
async function endRound(
  { slice, unit }: ServiceStart,
  ended: Promise<unknown>,
): Promise<'ended' | 'killed' | 'was not there'> {
  const isKilled = await killService(slice, unit);
  // A service that systemd is about to begin must not begin.
  if (!isKilled) await systemctl('stop', '--no-block', unit);
  // The last command of a killed service needs time: another kill would end that too.
  const [pauseMs, end] = isKilled ? ([KILLED_MS, 'killed'] as const) : ([ROUND_MS, 'was not there'] as const);
  return Promise.race([ended.then(() => 'ended' as const), sleep(pauseMs, end)]);
}

function argumentsOf({ unit, slice, signs, properties, command, environment }: ServiceStart): string[] {
  return [
    '--quiet',
    '--wait',
    '--pipe',
    '--collect',
    // The start fails if a wall cannot be built. systemd-run then says why.
    '--service-type=exec',
    `--unit=${unit}`,
    `--slice=${slice}`,
    ...properties.map((property) => `--property=${property}`),
    `--property=TimeoutStopSec=${STOP_SECONDS}`,
    // As root. `ExecStopPost=+` would do that too, but systemd 252 forgets it at a `systemctl daemon-reload`, which a package's
    // installation does. A `$` in the command would then change as well.
    '--property=PermissionsStartOnly=yes',
    `--property=ExecStopPost=/bin/sh ${signs}/say-end ${signs}`,
    ...Object.entries(environment).map(([name, value]) => `--setenv=${name}=${value}`),
    '--',
    ...BEGIN,
    ...command,
  ];
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve());
    child.once('error', (cause) => {
      // D30: the wrapper is not the model's.
      reject(new Interruption('wrapper', `systemd-run cannot be started: ${messageOf(cause)}`, { cause }));
    });
  });
}

/** What the signs say about a service that has ended. */
interface ServiceEnd {
  readonly exit: ProcessEnd;
  readonly hasBegun: boolean;
  /** False: the last command of the service has not run. */
  readonly isKnown: boolean;
  readonly memory: MemoryUse;
}

async function readSigns(signs: string): Promise<ServiceEnd> {
  const [begun, text] = await Promise.all(
    ['begun', 'end'].map((name) => readFile(join(signs, name), 'utf8').catch(() => '')),
  );
  return { hasBegun: begun !== '', ...parseEnd(text ?? '') };
}

/**
 * Reads what the last command of a service has written. The first line has systemd's `$SERVICE_RESULT`, `$EXIT_CODE` and
 * `$EXIT_STATUS`, of systemd.exec(5).
 */
export function parseEnd(text: string): Omit<ServiceEnd, 'hasBegun'> {
  const [, result, how, status = ''] = /^(\S+) (exited|killed|dumped) (\S+)$/m.exec(text) ?? [];
  const peak = Number(/^peak (\d+)$/m.exec(text)?.[1]);
  const kills = Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
  return {
    isKnown: how !== undefined,
    exit: {
      code: how === 'exited' ? Number(status) : null,
      signal: how === 'killed' || how === 'dumped' ? `SIG${status}` : null,
    },
    memory: {
      ranOut: result === 'oom-kill' || kills > 0,
      ...(Number.isSafeInteger(peak) && peak > 0 && { peakBytes: peak }),
    },
  };
}

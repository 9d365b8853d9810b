import { spawn, type ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/mini';
import { messageOf } from '../lifecycle/errors';
import { Interruption, JobFailure } from './failures';
import type { ModelProcess, ProcessEnd, ProcessOutput } from './host';
import type { Isolation } from './isolation';
import { hasVariable, isAlive, processIds, startTimeOf, userOf } from './proc';
import { endSlice, memoryKillsIn } from './slice';

/** A program that will run in a new process group. */
export interface GroupStart {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly environment: Record<string, string>;
  readonly output: ProcessOutput;
  /** File that records the group, so that a later drain of this boot can kill the group. */
  readonly record: string;
  readonly bootId: string;
  /** Who runs the program, and in which slice. Its wrapper is part of `command`. */
  readonly isolation: Isolation;
}

/** Maximum wait for the last output of a killed program. A surviving child may hold the pipe open. */
const OUTPUT_WAIT_MS = 1_000;

/** Maximum rounds of killing stragglers, which may fork between two rounds. */
const KILL_ROUNDS = 10;

const recordSchema = z.object({
  // kill(2) with group 0 or 1 would signal the drain's own group, or every process.
  pgid: z.int().check(z.minimum(2)),
  bootId: z.string(),
  startTime: z.optional(z.string()),
});

/**
 * Starts a program. Throws JobFailure if the program does not exist or is not executable, and Interruption if the wrapper
 * cannot be started.
 */
export async function startGroup(start: GroupStart): Promise<ModelProcess> {
  const [program = '', ...args] = start.command;
  const { wrapper, slice } = start.isolation;
  const killsBefore = slice === undefined ? 0 : await memoryKillsIn(slice);
  const child = spawn(program, args, {
    cwd: start.cwd,
    env: start.environment,
    detached: true,
    // Descriptor 3: the last command of the wrapper says there that it begins the program, which does not get it.
    stdio: ['ignore', 'pipe', 'pipe', slice === undefined ? 'ignore' : 'pipe'],
  });
  child.stdout?.on('data', (chunk: Buffer) => start.output.stdout(chunk));
  child.stderr?.on('data', (chunk: Buffer) => start.output.stderr(chunk));
  const begun = slice === undefined ? Promise.resolve(true) : isSaidOn(child.stdio[3] as Readable);
  let hasBegun = false;
  const exited = new Promise<ProcessEnd>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const ended = exited.then(async (end) => {
    hasBegun = await begun;
    return end;
  });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const pgid = await started(child, program, wrapper.length > 0);
  const group: ModelProcess = {
    ended,
    terminate: () => signalGroup(pgid, 'SIGTERM'),
    hasBegun: () => hasBegun,
    ranOutOfMemory: async () => slice !== undefined && (await memoryKillsIn(slice)) > killsBefore,
    killAll: async () => {
      signalGroup(pgid, 'SIGKILL');
      await endProcesses(start.isolation, start.environment.HOME ?? '');
      await Promise.race([closed, sleep(OUTPUT_WAIT_MS)]);
      child.stdout?.destroy();
      child.stderr?.destroy();
    },
  };
  try {
    const record = { pgid, bootId: start.bootId, startTime: await startTimeOf(pgid) };
    await writeFile(start.record, JSON.stringify(record), { mode: 0o600 });
  } catch (error) {
    await group.killAll();
    throw error;
  }
  return group;
}

/** Whether anything was written to the stream before its end. */
async function isSaidOn(stream: Readable): Promise<boolean> {
  let isSaid = false;
  for await (const _chunk of stream) isSaid = true;
  return isSaid;
}

/**
 * Kills the process group that an earlier drain recorded. Does nothing if the record is of another boot, or if another
 * process has the recorded process id.
 */
export async function killRecorded(file: string, bootId: string): Promise<void> {
  const record = await readRecord(file);
  if (record?.bootId !== bootId) return;
  const startTime = await startTimeOf(record.pgid);
  if (startTime !== undefined && startTime !== record.startTime) return;
  signalGroup(record.pgid, 'SIGKILL');
}

async function readRecord(file: string): Promise<z.infer<typeof recordSchema> | undefined> {
  try {
    return recordSchema.safeParse(JSON.parse(await readFile(file, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Ends all processes of a slot, those of its cgroup at once, and all whose HOME is the job's. */
export async function endProcesses({ slice, uid }: Isolation, home: string): Promise<void> {
  if (slice !== undefined) await endSlice(slice);
  await killStragglers(home, (owner) => owner === uid);
}

/**
 * Kills a model's processes outside of its process group (`setsid`, daemons). On Linux these are all processes of its
 * users, and all whose HOME is the job's (undefined: no such).
 */
export async function killStragglers(
  home: string | undefined,
  isOwner: (uid: number) => boolean,
): Promise<void> {
  for (let round = 0; round < KILL_ROUNDS; round += 1) {
    const found = await stragglers(home, isOwner);
    if (found.length === 0) return;
    for (const pid of found) signalOne(pid, 'SIGKILL');
    await sleep(10);
  }
}

async function stragglers(home: string | undefined, isOwner: (uid: number) => boolean): Promise<number[]> {
  const pids = await processIds();
  const found = await Promise.all(
    pids.map(async (pid) => pid !== process.pid && (await isStraggler(pid, home, isOwner))),
  );
  return pids.filter((_pid, index) => found[index]);
}

async function isStraggler(
  pid: number,
  home: string | undefined,
  isOwner: (uid: number) => boolean,
): Promise<boolean> {
  try {
    if (isOwner(await userOf(pid))) return await isAlive(pid);
    // A zombie has no environment, so a killed process is not found again.
    return home !== undefined && (await hasVariable(pid, 'HOME', home));
  } catch {
    return false;
  }
}

/** Settles with the process id, which is the id of the process group too. */
function started(child: ChildProcess, program: string, isWrapped: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => {
      if (child.pid === undefined) reject(new Error(`${program} has started without a process id`));
      else resolve(child.pid);
    });
    child.once('error', (cause: NodeJS.ErrnoException) => {
      // D30: the wrapper is not the model's.
      if (isWrapped) {
        reject(new Interruption('wrapper', `${program} cannot be started: ${messageOf(cause)}`, { cause }));
        return;
      }
      const why = REASONS[cause.code ?? ''];
      if (why === undefined) {
        reject(cause);
        return;
      }
      const message = `${program} cannot be started: ${why} (${messageOf(cause)})`;
      reject(new JobFailure('model', message, {}, { cause }));
    });
  });
}

const REASONS: Partial<Record<string, string>> = {
  ENOENT: 'the interpreter that its first line names is not on the machine',
  EACCES: 'it is not executable; run `chmod +x` on it',
};

function signalGroup(pgid: number, signal: NodeJS.Signals): void {
  signalOne(-pgid, signal);
}

/** Ignores errors, because a process that is gone needs no signal. */
function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: the process is gone. EPERM: another user's process has the id now.
  }
}

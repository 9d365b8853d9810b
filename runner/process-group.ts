import { spawn, type ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/mini';
import { messageOf } from '../lifecycle/errors';
import { JobFailure } from './failures';
import type { ModelProcess, ProcessEnd, ProcessOutput } from './host';
import { hasVariable, processIds, startTimeOf } from './proc';

/** A program that will run in a new process group. */
export interface GroupStart {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly environment: Record<string, string>;
  readonly output: ProcessOutput;
  /** File that records the group, so that a later drain of this boot can kill the group. */
  readonly record: string;
  readonly bootId: string;
}

/** Maximum wait for the last output of a killed program. A surviving child may hold the pipe open. */
export const OUTPUT_WAIT_MS = 1_000;

/** Maximum rounds of killing stragglers, which may fork between two rounds. */
const KILL_ROUNDS = 10;

const recordSchema = z.object({
  // kill(2) with group 0 or 1 would signal the drain's own group, or every process.
  pgid: z.int().check(z.minimum(2)),
  bootId: z.string(),
  startTime: z.optional(z.string()),
});

/** Starts a program. Throws JobFailure if it does not exist or is not executable. */
export async function startGroup(start: GroupStart): Promise<ModelProcess> {
  const [program = '', ...args] = start.command;
  const child = spawn(program, args, {
    cwd: start.cwd,
    env: start.environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', (chunk: Buffer) => start.output.stdout(chunk));
  child.stderr.on('data', (chunk: Buffer) => start.output.stderr(chunk));
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const pgid = await started(child, program);
  const group: ModelProcess = {
    ended,
    terminate: () => signalGroup(pgid, 'SIGTERM'),
    hasBegun: () => true,
    memory: () => ({ ranOut: false }),
    killAll: async () => {
      signalGroup(pgid, 'SIGKILL');
      await killStragglers(start.environment.HOME ?? '');
      await Promise.race([closed, sleep(OUTPUT_WAIT_MS)]);
      child.stdout.destroy();
      child.stderr.destroy();
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

/** Kills a model's processes outside of its process group (`setsid`, daemons): on Linux, all whose HOME is the job's. */
export async function killStragglers(home: string): Promise<void> {
  for (let round = 0; round < KILL_ROUNDS; round += 1) {
    const found = await stragglers(home);
    if (found.length === 0) return;
    for (const pid of found) signalOne(pid, 'SIGKILL');
    await sleep(10);
  }
}

async function stragglers(home: string): Promise<number[]> {
  const pids = await processIds();
  const found = await Promise.all(pids.map(async (pid) => pid !== process.pid && (await hasHome(pid, home))));
  return pids.filter((_pid, index) => found[index]);
}

/** A zombie has no environment, so a killed process is not found again. */
async function hasHome(pid: number, home: string): Promise<boolean> {
  return hasVariable(pid, 'HOME', home).catch(() => false);
}

/** Settles with the process id, which is the id of the process group too. */
function started(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => {
      if (child.pid === undefined) reject(new Error(`${program} has started without a process id`));
      else resolve(child.pid);
    });
    child.once('error', (cause: NodeJS.ErrnoException) => {
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

import { spawn, type ChildProcess } from 'node:child_process';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../lifecycle/errors';
import { JobFailure } from './failures';
import type { ModelProcess, ProcessEnd, ProcessOutput } from './host';

/** A program to be started in a process group of its own. */
export interface GroupStart {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly environment: Record<string, string>;
  readonly output: ProcessOutput;
  /** Where the group is written down, so that a later drain of this boot can kill it. */
  readonly record: string;
  readonly bootId: string;
  /** The program's own user, if it has one. */
  readonly uid: number | undefined;
}

/** How long a killed program's last output is waited for: a survivor may hold the pipe open. */
const OUTPUT_WAIT_MS = 1_000;

/** Processes may fork while they are being hunted; after so many rounds it is left at that. */
const KILL_ROUNDS = 10;

/** Starts a program. Throws JobFailure when there is no such program or it cannot be executed. */
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
  const process: ModelProcess = {
    ended,
    terminate: () => signalGroup(pgid, 'SIGTERM'),
    killAll: async () => {
      signalGroup(pgid, 'SIGKILL');
      await killStragglers(start.environment.HOME ?? '', start.uid);
      await Promise.race([closed, sleep(OUTPUT_WAIT_MS)]);
      child.stdout.destroy();
      child.stderr.destroy();
    },
  };
  try {
    await writeFile(
      start.record,
      JSON.stringify({ pgid, bootId: start.bootId, startTime: await startTimeOf(pgid) }),
    );
  } catch (error) {
    await process.killAll();
    throw error;
  }
  return process;
}

/**
 * Kills a group that an earlier drain wrote down, if it is of this boot and its number is not another process's by now.
 */
export async function killRecorded(record: string, bootId: string): Promise<void> {
  let written: unknown;
  try {
    written = JSON.parse(await readFile(record, 'utf8'));
  } catch {
    return;
  }
  if (typeof written !== 'object' || written === null || !('pgid' in written) || !('bootId' in written))
    return;
  const { pgid } = written;
  if (written.bootId !== bootId || !Number.isSafeInteger(pgid) || Number(pgid) <= 1) return;
  const startTime = await startTimeOf(Number(pgid));
  const recorded = 'startTime' in written ? written.startTime : undefined;
  if (startTime !== undefined && startTime !== recorded) return;
  signalGroup(Number(pgid), 'SIGKILL');
}

/**
 * Kills what a model left behind outside of its process group (`setsid`, daemons): on Linux, every process whose home is
 * the job's or that runs as the job's own user.
 */
export async function killStragglers(home: string, uid: number | undefined): Promise<void> {
  for (let round = 0; round < KILL_ROUNDS; round += 1) {
    const found = await stragglers(home, uid);
    if (found.length === 0) return;
    for (const pid of found) signalOne(pid, 'SIGKILL');
    await sleep(10);
  }
}

async function stragglers(home: string, uid: number | undefined): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => pid !== process.pid && (await isStraggler(pid, home, uid))),
  );
  return pids.filter((_pid, index) => found[index]);
}

async function isStraggler(pid: number, home: string, uid: number | undefined): Promise<boolean> {
  try {
    if (uid !== undefined && (await stat(`/proc/${pid}`)).uid === uid) return await isAlive(pid);
    // A zombie's environment is empty, so the dead are not found again.
    return (await readFile(`/proc/${pid}/environ`))
      .toString('latin1')
      .split('\0')
      .includes(asLatin1(`HOME=${home}`));
  } catch {
    return false;
  }
}

const asLatin1 = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

async function isAlive(pid: number): Promise<boolean> {
  return !['Z', 'X', undefined].includes((await statFields(pid))?.[0]);
}

/** When a process began, in the kernel's ticks since boot; undefined where that cannot be told. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  // Field 22 of proc(5)'s stat; the fields here begin with the third.
  return (await statFields(pid))?.[19];
}

async function statFields(pid: number): Promise<string[] | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  // The second field is the program's name in brackets, which may hold anything.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function started(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid ?? 0));
    child.once('error', (cause: NodeJS.ErrnoException) => {
      const why = REASONS[cause.code ?? ''];
      if (why === undefined) reject(cause);
      else
        reject(
          new JobFailure(
            'model',
            `${program} cannot be started: ${why} (${messageOf(cause)})`,
            {},
            { cause },
          ),
        );
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

/** What is gone already needs no signal. */
function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: gone. EPERM: somebody else's by now.
  }
}

import { randomUUID } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { MissingError } from '../scripts/console/exit';
import { isAlive, killGroup } from '../scripts/tools/process-groups';
import { systemCodeOf } from '../scripts/console/system-error';
import type { ChildRecord } from '../scripts/tools/children';
import { beginningOf } from '../scripts/tools/process-beginning';

const processSchema = z.strictObject({ pid: z.int().positive(), began: z.string() });

/** `.lamplighter/local/run.json`: the only `lamplighter local` of this checkout. It exists from the command's beginning. */
const runSchema = z.strictObject({
  version: z.literal(1),
  pid: z.int().positive(),
  began: z.string(),
  startedAt: z.string(),
  /** Process groups that this run has started and that have not ended. */
  children: z.array(processSchema),
  /** The variables for `lamplighter env`. Present when the local cloud is up. */
  environment: z.record(z.string(), z.string()).optional(),
});

type Run = z.infer<typeof runSchema>;

const runFile = (directory: string) => join(directory, 'run.json');

/** A unique name beside a file. */
const uniqueBeside = (path: string) => `${path}.${randomUUID()}`;

/** Maximum milliseconds between the creation of the file and its first content. */
const FIRST_WRITE_MS = 200;

/**
 * Locks the local cloud's folder for one run at a time. Records the run's child processes, so that the next run can end those
 * of a run that was killed.
 */
export class LocalRun implements ChildRecord {
  private constructor(
    private readonly path: string,
    private run: Run,
  ) {}

  /** Throws MissingError if a local cloud of this checkout runs already. The message has the command that stops it. */
  static async begin(directory: string): Promise<LocalRun> {
    const path = runFile(directory);
    await mkdir(dirname(path), { recursive: true });
    const began = beginningOf(process.pid) ?? '';
    const run: Run = {
      version: 1,
      pid: process.pid,
      began,
      startedAt: new Date().toISOString(),
      children: [],
    };
    for (;;) {
      try {
        await writeFile(path, JSON.stringify(run), { flag: 'wx', mode: 0o600 });
        return new LocalRun(path, run);
      } catch (error) {
        if (systemCodeOf(error) !== 'EEXIST') throw error;
      }
      await clearStale(path);
    }
  }

  started(pid: number): void {
    const child = { pid, began: beginningOf(pid) ?? '' };
    this.write({ ...this.run, children: [...this.run.children, child] });
  }

  ended(pid: number): void {
    this.write({ ...this.run, children: this.run.children.filter((child) => child.pid !== pid) });
  }

  announce(environment: Readonly<Record<string, string>>): void {
    this.write({ ...this.run, environment: { ...environment } });
  }

  async end(): Promise<void> {
    await rm(this.path, { force: true });
  }

  /** Synchronous, so that a child is recorded before anything else happens. */
  private write(run: Run): void {
    this.run = run;
    const whole = uniqueBeside(this.path);
    writeFileSync(whole, JSON.stringify(run), { mode: 0o600 });
    renameSync(whole, this.path);
  }
}

/** The variables of the local cloud that runs in this checkout. Undefined if there is none, or it is not up yet. */
export async function announcedEnvironment(directory: string): Promise<Record<string, string> | undefined> {
  const run = await read(runFile(directory));
  return run && isRecordedProcess(run) ? run.environment : undefined;
}

/** Whether a `lamplighter local` of this checkout runs. Its cloud may still be starting. */
export async function isRunning(directory: string): Promise<boolean> {
  const run = await read(runFile(directory));
  return run !== undefined && isRecordedProcess(run);
}

/** Removes the file of a dead run, and ends the processes that the run left. */
async function clearStale(path: string): Promise<void> {
  let run = await read(path);
  if (!run) {
    await sleep(FIRST_WRITE_MS);
    run = await read(path);
  }
  if (run && isRecordedProcess(run)) {
    throw new MissingError(
      `The local cloud of this checkout is running already (process ${run.pid}, since ${run.startedAt}). Use it with ` +
        `"npx lamplighter submit FILE", or stop it: Ctrl-C in its terminal, or: kill ${run.pid}`,
    );
  }
  for (const child of run?.children ?? []) {
    if (isRecordedProcess(child)) killGroup(child.pid);
  }
  await removeUnlessLive(path);
}

/**
 * Removes the file unless its run lives. Of two runs that start at once, the slower must not remove the faster's new file.
 * Therefore the file is renamed and read again.
 */
async function removeUnlessLive(path: string): Promise<void> {
  const taken = uniqueBeside(path);
  try {
    await rename(path, taken);
    const run = await read(taken);
    if (run && isRecordedProcess(run)) await link(taken, path);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(systemCodeOf(error) ?? '')) throw error;
  } finally {
    await rm(taken, { force: true });
  }
}

/** Process ids are reused: the recorded process also has the recorded time of its beginning. */
function isRecordedProcess({ pid, began }: { readonly pid: number; readonly began: string }): boolean {
  return isAlive(pid) && began !== '' && beginningOf(pid) === began;
}

async function read(path: string): Promise<Run | undefined> {
  try {
    return runSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

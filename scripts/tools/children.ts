import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { InterruptedError } from '../console/exit';
import { killGroup } from './process-groups';

export interface ChildOptions {
  readonly cwd?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** Called with each line of stdout and stderr. */
  readonly onLine?: (line: string) => void;
  /** Time limit in milliseconds. After it, the child's whole process group is ended. @default none */
  readonly timeLimitMs?: number;
  /** Maximum characters of stdout that are kept. @default 1,000,000 */
  readonly maxStdoutCharacters?: number;
}

export interface ChildEnd {
  /** The exit code. Null: a signal ended the child. */
  readonly code: number | null;
  readonly stdout: string;
  /** The last lines of stdout and stderr, in the order of arrival. */
  readonly tail: string;
}

const TAIL_LINES = 60;
const STDOUT_LIMIT_CHARACTERS = 1_000_000;
/** Time between SIGTERM and SIGKILL, in milliseconds. */
const GRACE_MS = 3_000;
/** Time after a child's end in which its last lines may still arrive, in milliseconds. */
const LAST_LINES_MS = 2_000;

/** A record of the children that run, so that a later run can end the children of a killed one. */
export interface ChildRecord {
  started(pid: number): void;
  ended(pid: number): void;
}

/**
 * The processes that a command starts. Each child leads its own process group. So Ctrl-C in the terminal
 * reaches only us, and ending a child also ends its children (Terraform's provider plugins).
 */
export class Children {
  private readonly running = new Set<ChildProcess>();

  constructor(
    private readonly signal: AbortSignal,
    private readonly record?: ChildRecord,
  ) {}

  /**
   * Runs a program to its end. If the user interrupts, throws InterruptedError after the child has ended. If
   * the program does not exist, throws the error of spawn (ENOENT).
   */
  async run(program: string, args: readonly string[], options: ChildOptions = {}): Promise<ChildEnd> {
    if (this.signal.aborted) throw new InterruptedError();
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.environment ?? process.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const end = () => void endGroup(child);
    this.running.add(child);
    if (child.pid !== undefined) this.record?.started(child.pid);
    this.signal.addEventListener('abort', end, { once: true });
    const timer = options.timeLimitMs === undefined ? undefined : setTimeout(end, options.timeLimitMs);
    const collected = collect(child, options);
    try {
      const code = await new Promise<number | null>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', resolve);
        // `close` may never come: a grandchild that has left the group can keep the pipes open.
        child.once('exit', (exitCode) => setTimeout(() => resolve(exitCode), LAST_LINES_MS).unref());
      });
      if (this.isInterrupted()) throw new InterruptedError();
      return { code, stdout: collected.stdout(), tail: collected.tail() };
    } finally {
      clearTimeout(timer);
      this.signal.removeEventListener('abort', end);
      this.running.delete(child);
      if (child.pid !== undefined) this.record?.ended(child.pid);
    }
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.running].map((child) => endGroup(child)));
  }

  /** A function, because TypeScript assumes that the flag keeps its value across an await. */
  private isInterrupted(): boolean {
    return this.signal.aborted;
  }
}

/** Ends a child's process group: SIGTERM, then SIGKILL. A group that has already ended is not an error. */
async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  killGroup(child.pid, 'SIGTERM');
  if (child.exitCode === null && child.signalCode === null) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GRACE_MS);
      child.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
  killGroup(child.pid, 'SIGKILL');
}

function collect(
  child: ChildProcess,
  {
    onLine,
    maxStdoutCharacters = STDOUT_LIMIT_CHARACTERS,
  }: Pick<ChildOptions, 'onLine' | 'maxStdoutCharacters'>,
) {
  const tail: string[] = [];
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    if (stdout.length < maxStdoutCharacters) stdout += chunk;
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
      onLine?.(line);
    });
  }
  return { stdout: () => stdout, tail: () => tail.join('\n') };
}

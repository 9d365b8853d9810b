import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { InterruptedError } from '../console/exit';
import { killGroup } from './process-groups';

export interface ChildOptions {
  readonly cwd?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** Called with each line of stdout and stderr. */
  readonly onLine?: (line: string) => void;
  /** Milliseconds; then the child's whole process group is ended. @default none */
  readonly timeLimitMs?: number;
  /** More than this of stdout is not kept. @default 1,000,000 */
  readonly maxStdoutCharacters?: number;
}

export interface ChildEnd {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  /** The last lines of stdout and stderr, in the order of arrival. */
  readonly tail: string;
}

const TAIL_LINES = 60;
const STDOUT_LIMIT = 1_000_000;
/** After SIGTERM a child has this long before SIGKILL. */
const PATIENCE_MS = 3_000;
/** What a child wrote last may arrive this long after its end. */
const LAST_LINES_MS = 2_000;

/** Told of each child, so that a later run can end what a killed one left. */
export interface ChildRecord {
  started(pid: number): void;
  ended(pid: number): void;
}

/**
 * The processes that a command starts. Each leads a process group of its own: Ctrl-C in the terminal does not reach it
 * behind our back, and ending it ends its own children (Terraform's provider plugins) too.
 */
export class Children {
  private readonly running = new Set<ChildProcess>();

  constructor(
    private readonly signal: AbortSignal,
    private readonly record?: ChildRecord,
  ) {}

  /**
   * Runs a program to its end. Throws InterruptedError, after the child has ended, when interrupted meanwhile; throws what
   * spawn throws (ENOENT) when there is no such program.
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
        // A grandchild that has left the group may keep the pipes open for ever.
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

  /** Ends every child that still runs. */
  async endAll(): Promise<void> {
    await Promise.all([...this.running].map((child) => endGroup(child)));
  }

  /** Asked again after an await: the flag may have changed meanwhile. */
  private isInterrupted(): boolean {
    return this.signal.aborted;
  }
}

/** Ends a process group: SIGTERM, and SIGKILL when that has not helped. Ended already is no error. */
async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  killGroup(child.pid, 'SIGTERM');
  if (child.exitCode === null && child.signalCode === null) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PATIENCE_MS);
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
  { onLine, maxStdoutCharacters = STDOUT_LIMIT }: Pick<ChildOptions, 'onLine' | 'maxStdoutCharacters'>,
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

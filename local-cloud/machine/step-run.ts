import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { killGroup } from '../../scripts/tools/process-groups';
import type { StepResult, StepRun } from './port';

/** Number of characters of stdout, and of stderr, that Systems Manager keeps. */
const MAX_OUTPUT_CHARACTERS = 24_000;

/** Milliseconds to wait for output after the script's end. A process that it left may hold the pipe open. */
const LAST_OUTPUT_MS = 200;

/** The folders and the process groups of a step's machine. */
interface Place {
  /** The machine's root folder. */
  readonly root: string;
  /** The step's own folder. */
  readonly folder: string;
  /** The process groups of running steps. */
  readonly groups: Set<number>;
}

/** Runs one step with bash, in its own process group. A script's failure is in the result, and never rejects. */
export async function runStep({ root, folder, groups }: Place, run: StepRun): Promise<StepResult> {
  const { step } = run;
  await mkdir(folder, { recursive: true });
  const script = join(folder, '_script.sh');
  await writeFile(script, `${step.script}\n`);
  const startedAt = Date.now();
  if (run.isOff()) return cancelled(step.name);
  return new Promise((settle) => {
    const child = spawn('bash', [script], {
      cwd: resolve(root, step.workingDirectory),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: run.environment,
    });
    const { pid } = child;
    if (pid !== undefined) groups.add(pid);
    const kill = () => {
      if (pid !== undefined && child.exitCode === null) killGroup(pid);
    };
    run.onStart(kill);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, step.timeoutSeconds * 1000);
    const stdout = collect(child.stdout, (line) => run.onOutput('stdout', line));
    const stderr = collect(child.stderr, (line) => run.onOutput('stderr', line));

    const end = (responseCode: number, problem = '') => {
      clearTimeout(timer);
      if (pid !== undefined) groups.delete(pid);
      const output = { stdout: stdout(), stderr: stderr() + problem };
      const times = { startedAt, endedAt: Date.now() };
      settle({ name: step.name, ...statusOf(responseCode, isLate), responseCode, ...output, ...times });
    };
    child.once('error', (error) => end(1, error.message));
    child.once('exit', (code) => {
      const last = setTimeout(finish, LAST_OUTPUT_MS);
      child.once('close', finish);
      function finish() {
        clearTimeout(last);
        child.off('close', finish);
        child.stdout.destroy();
        child.stderr.destroy();
        end(code ?? 137);
      }
    });
  });
}

/** The state of a step that has ended. */
export function statusOf(
  responseCode: number,
  isLate: boolean,
): Pick<StepResult, 'status' | 'statusDetails'> {
  if (isLate) return { status: 'TimedOut', statusDetails: 'ExecutionTimedOut' };
  const status = responseCode === 0 ? 'Success' : 'Failed';
  return { status, statusDetails: status };
}

/** The result of a step that did not begin, or whose machine went down. */
export function cancelled(name: string): StepResult {
  const now = Date.now();
  const ends = { responseCode: -1, stdout: '', stderr: '', startedAt: now, endedAt: now };
  return { name, status: 'Cancelled', statusDetails: 'Cancelled', ...ends };
}

/** Passes on each line of a stream. The returned function passes on the rest, and returns the stream's first characters. */
export function collect(stream: NodeJS.ReadableStream, onLine: (line: string) => void): () => string {
  const decoder = new StringDecoder('utf8');
  let kept = '';
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const text = decoder.write(chunk);
    kept = (kept + text).slice(0, MAX_OUTPUT_CHARACTERS);
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  stream.on('error', () => undefined);
  return () => {
    if (rest !== '') onLine(rest);
    rest = '';
    return kept;
  };
}

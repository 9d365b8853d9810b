import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { StepResult } from '../ssm/commands';
import { killGroup } from '../../scripts/tools/process-groups';
import type { Sandbox } from './sandbox';
import type { DocumentStep } from '../ssm/document';

/** Systems Manager keeps so many characters of each of stdout and stderr. */
const MAX_OUTPUT_CHARACTERS = 24_000;

/** After the script's own end, what it wrote is waited for this long: a process that it left may hold the pipe open. */
const LAST_WORDS_MS = 200;

export interface StepRun {
  readonly folder: string;
  readonly step: DocumentStep;
  readonly sandbox: Sandbox;
  readonly environment: NodeJS.ProcessEnv;
  readonly onLine: (stream: 'stdout' | 'stderr', line: string) => void;
  /** Whether it is too late to begin: the instance has gone down, or the command was cancelled. */
  readonly isOff: () => boolean;
  /** Told how to kill the step. */
  readonly onStart: (kill: () => void) => void;
}

/** Runs one step with bash, in a process group of its own; never rejects for what the script does. */
export async function runStep(run: StepRun): Promise<StepResult> {
  const { step, sandbox } = run;
  await mkdir(run.folder, { recursive: true });
  const script = join(run.folder, '_script.sh');
  await writeFile(script, `${step.script}\n`);
  const startedAt = Date.now();
  if (run.isOff()) return cancelled(step.name);
  return new Promise((settle) => {
    const child = spawn('bash', [script], {
      cwd: resolve(sandbox.folder, step.workingDirectory),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: run.environment,
    });
    const { pid } = child;
    if (pid !== undefined) sandbox.stepGroups.add(pid);
    const kill = () => {
      if (pid !== undefined && child.exitCode === null) killGroup(pid);
    };
    run.onStart(kill);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, step.timeoutSeconds * 1000);
    const stdout = collect(child.stdout, (line) => run.onLine('stdout', line));
    const stderr = collect(child.stderr, (line) => run.onLine('stderr', line));

    const end = (responseCode: number, problem = '') => {
      clearTimeout(timer);
      if (pid !== undefined) sandbox.stepGroups.delete(pid);
      const ends = { stdout: stdout(), stderr: stderr() + problem };
      const [status, statusDetails] = isLate
        ? (['TimedOut', 'ExecutionTimedOut'] as const)
        : responseCode === 0
          ? (['Success', 'Success'] as const)
          : (['Failed', 'Failed'] as const);
      settle({
        name: step.name,
        status,
        statusDetails,
        responseCode,
        startedAt,
        endedAt: Date.now(),
        ...ends,
      });
    };
    child.once('error', (error) => end(1, error.message));
    child.once('exit', (code) => {
      const last = setTimeout(finish, LAST_WORDS_MS);
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

function cancelled(name: string): StepResult {
  const now = Date.now();
  const ends = { responseCode: -1, stdout: '', stderr: '', startedAt: now, endedAt: now };
  return { name, status: 'Cancelled', statusDetails: 'Cancelled', ...ends };
}

/** Collects the first characters of a stream, and tells each line; the result gives what was collected. */
function collect(stream: NodeJS.ReadableStream, onLine: (line: string) => void): () => string {
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

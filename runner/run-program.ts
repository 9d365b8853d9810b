import type { Log } from '../lifecycle/log';
import type { ModelRef } from '../lifecycle/model';
import type { DrainContext } from './context';
import type { JobFolder, MemoryUse, ModelLimits, ModelProcess, ProcessEnd, Program } from './host';
import { OutputLines } from './output-lines';
import { race } from './wait';

/**
 * Maximum lines of one stream in the drain's log, of at most 2,000 characters each. The limit bounds the cost of a
 * model that never stops printing. The receipt has the last lines of stderr in any case.
 */
const MAX_LOGGED_LINES = 5_000;

export interface ProgramRun {
  readonly folder: JobFolder;
  readonly model: ModelRef;
  readonly program: Program;
  readonly timeLimitSeconds: number;
  readonly limits: ModelLimits;
  /** When aborted, the program is killed at once and the signal's reason is thrown. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Called with each line of stdout. */
  readonly onLine?: (line: string) => void;
  /** Called when SIGKILL has not ended the program: the kernel holds it, and only a reboot helps. */
  readonly onStuck: () => void;
}

export interface ProgramEnd {
  readonly exit: ProcessEnd;
  readonly timedOut: boolean;
  readonly stderrTail: string;
  /** False: the walls around the program could not be built, so it has not begun. */
  readonly hasBegun: boolean;
  readonly memory: MemoryUse;
}

/**
 * Runs one of a model's programs to its end. At the time limit all its processes receive SIGTERM, and SIGKILL
 * after a grace period. Every process that the program leaves behind is killed too. D20: the wait for the end of a killed
 * program is bounded. Throws JobFailure if the program cannot be started.
 */
export async function runProgram(context: DrainContext, run: ProgramRun): Promise<ProgramEnd> {
  run.signal.throwIfAborted();
  const stdout = new OutputLines(echo(run, 'stdout'));
  const stderr = new OutputLines(echo(run, 'stderr'));
  const output = {
    stdout: (chunk: Buffer) => stdout.write(chunk),
    stderr: (chunk: Buffer) => stderr.write(chunk),
  };
  const started = await run.folder.start(run.model, run.program, { output, limits: run.limits });
  const watched = watch(started.ended);

  await race([watched.ended, context.clock.sleep(run.timeLimitSeconds * 1000)], run.signal);
  const timedOut = !watched.hasEnded() && !run.signal.aborted;
  if (timedOut) await terminate(context, started, watched.ended, run);
  await started.killAll();
  const exit = await endOf(context, watched, run);
  stdout.end();
  stderr.end();
  run.signal.throwIfAborted();
  const [hasBegun, memory] = [started.hasBegun(), started.memory()];
  return { exit, timedOut, stderrTail: stderr.tail, hasBegun, memory };
}

async function endOf(
  { clock, timings }: DrainContext,
  { ended, hasEnded }: ReturnType<typeof watch>,
  { log, program, onStuck }: ProgramRun,
): Promise<ProcessEnd> {
  const seconds = timings.killWaitSeconds;
  await Promise.race([ended, clock.sleep(seconds * 1000)]);
  if (hasEnded()) return ended;
  log.error('SIGKILL does not end the program; the machine must reboot', { program, seconds });
  onStuck();
  return { code: null, signal: 'SIGKILL' };
}

async function terminate(
  { clock, timings }: DrainContext,
  started: ModelProcess,
  ended: Promise<ProcessEnd>,
  { signal, log, program }: ProgramRun,
): Promise<void> {
  log.warn('time limit reached, ending the program', { program });
  started.terminate();
  await race([ended, clock.sleep(timings.killGraceSeconds * 1000)], signal);
}

function watch(ended: Promise<ProcessEnd>): { ended: Promise<ProcessEnd>; hasEnded: () => boolean } {
  let over = false;
  const watched = ended.then((end) => {
    over = true;
    return end;
  });
  return { ended: watched, hasEnded: () => over };
}

function echo({ log, program, onLine }: ProgramRun, stream: 'stdout' | 'stderr'): (line: string) => void {
  let lines = 0;
  return (line) => {
    lines += 1;
    if (lines <= MAX_LOGGED_LINES) log.info(`${program} says`, { stream, line });
    else if (lines === MAX_LOGGED_LINES + 1) log.warn(`${program} says more, which is not shown`, { stream });
    if (stream === 'stdout') onLine?.(line);
  };
}

import { constants } from 'node:os';
import type { IsolationRecord } from '../lifecycle/records';
import type { DrainContext } from './context';
import { Interruption, KilledError } from './failures';
import type { Host, MemoryUse, ProcessEnd } from './host';
import { memoryForModels } from './isolation';
import type { ProgramEnd } from './run-program';

/**
 * What the shell adds to the number of a signal when its child died of it: the program may be a script. See "Exit Status" of
 * bash(1).
 */
const SHELL_SIGNAL_BASE = 128;

/** Signals by which people and systemd ask a program to end. A model that is at fault dies of others, such as SIGSEGV. */
const REQUESTS_TO_END = ['SIGHUP', 'SIGINT', 'SIGTERM'];

/**
 * What ended a program, if that was not the program itself. Undefined: its end is its own doing. The drain's own signals at
 * a time limit are the program's doing.
 */
export async function endFromOutside(
  { host }: DrainContext,
  end: ProgramEnd,
): Promise<Interruption | undefined> {
  if (end.timedOut) return undefined;
  // D29: whatever the program did then, also exit code 0 with half of its outputs.
  if (await host.isShuttingDown()) return new Interruption('machine', SHUTTING_DOWN);
  if (!end.hasBegun) {
    // D30
    const why = end.stderrTail.trim().split('\n').at(-1) ?? '';
    return new Interruption('wrapper', `the program could not be begun: ${why || describeExit(end.exit)}`);
  }
  if (end.exit.code === null && end.exit.signal === null) {
    // D30
    return new Interruption('wrapper', 'systemd did not report how the program ended');
  }
  const signal = signalOf(end);
  if (signal === undefined || !REQUESTS_TO_END.includes(signal)) return undefined;
  // D31
  return new Interruption('machine', `something on the machine ended the model by ${signal}`);
}

/** Why a program may have failed. The text follows its end in a sentence. */
export const DISK_WAS_FULL =
  "and the disk was full; raise diskGiB in the pipeline's settings, or have the model write less";

const SHUTTING_DOWN = 'the machine is shutting down; the job runs again after the next boot';

/**
 * D32: SIGKILL comes from the kernel when memory runs out, or from outside. Without a trace of the kernel the first one is
 * forgiven: a person or a daemon may have sent it. A job that it meets again is at fault.
 */
export function killFromOutside(end: ProgramEnd, wasKilledBefore: boolean): Interruption | undefined {
  if (end.timedOut || end.memory.ranOut || wasKilledBefore || signalOf(end) !== 'SIGKILL') return undefined;
  return new KilledError('something killed the model by SIGKILL, perhaps because memory ran out');
}

/** The signal that ended the program or, if the program is a shell's script, its last command. */
function signalOf({ exit: { code, signal } }: ProgramEnd): string | undefined {
  const number = (code ?? 0) - SHELL_SIGNAL_BASE;
  return signal ?? Object.entries(constants.signals).find(([, each]) => each === number)?.[0];
}

export function isKilled(end: ProgramEnd): boolean {
  return signalOf(end) === 'SIGKILL';
}

/** How a program ended. The text follows the program's name in a sentence. */
export function describeExit({ code, signal }: ProcessEnd): string {
  if (signal !== null) return `was ended by ${signal}`;
  const why = NOT_EXECUTED[code ?? 0];
  return `exited with code ${code ?? 'unknown'}${why === undefined ? '' : ` (usually: ${why})`}`;
}

/** Exit codes of the shell that begins a program. See "Exit Status" of bash(1). */
const NOT_EXECUTED: Readonly<Record<number, string>> = {
  126: 'it is for another processor, or not executable',
  127: 'the interpreter of its first line is not on the machine, or that line ends with a carriage return',
};

/** What a program used of the memory that it could have, in sentences. The last one has no full stop. */
export function describeMemory(
  { memoryBytes }: Host,
  { kind, memoryMiB }: IsolationRecord,
  { peakBytes }: MemoryUse,
): string {
  const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
  const peak = peakBytes === undefined ? '' : `It used ${mib(peakBytes)} at its peak. `;
  const limit = memoryMiB === undefined ? '' : `Its limit is ${memoryMiB} MiB (memoryMiB in model.json). `;
  const share = kind === 'systemd' ? `, of which models have ${mib(memoryForModels(memoryBytes))}` : '';
  return `${peak}${limit}The machine has ${mib(memoryBytes)}${share}`;
}

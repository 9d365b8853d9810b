/** One thing that a model tries, and must not succeed in. */
export interface Try {
  /** What the model tries. Unique in all families. */
  readonly name: string;
  /** What stops it. */
  readonly wall: string;
  /** A command that exits with 0 if it got through. Its last line is the evidence. */
  readonly command: readonly string[];
  /** The evidence that the wall has stopped it, and not a mistake in the command. */
  readonly held: RegExp;
  /** Where the same command gets through. */
  readonly control: Control;
  /** A command of an earlier job in the same slot, whose leftovers `command` looks for. */
  readonly leave?: readonly string[];
  /** The kind of failure in the receipt, if the wall ends the whole job. Such a try is a job of its own. */
  readonly failure?: string;
}

export interface Family {
  readonly name: string;
  readonly tries: readonly Try[];
}

/**
 * Who runs the command, in the same machine, without the wall:
 * - `root`: a service of root, without any wall;
 * - `bare`: an ordinary process with the model's user id;
 * - a list: a service with all walls but these properties. Without `User` and `Group` root runs it.
 */
export type Control = 'root' | 'bare' | readonly string[];

/** How a command has ended. */
export interface Report {
  readonly code: number;
  readonly line: string;
}

/** Starts of all Python commands: an error becomes one line, and `call` a system call or a function of the C library. */
const PRELUDE = `
import ctypes, glob, os, signal, socket, stat, subprocess, sys, time
sys.excepthook = lambda kind, error, _trace: print(f"{kind.__name__}: {error}")
fact = os.environ.get
def call(name, *args):
    result = getattr(ctypes.CDLL(None, use_errno=True), name)(*args)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), name)
    return result
`;

export function python(script: string): string[] {
  return ['python3', '-c', `${PRELUDE}${script}`];
}

export function shell(script: string): string[] {
  return ['sh', '-c', `exec 2>&1; ${script}`];
}

/** A refusal, or the thing does not exist in the model's view. */
export const HIDDEN =
  /Permission denied|Operation not permitted|No such (file|process)|Read-only file system/;

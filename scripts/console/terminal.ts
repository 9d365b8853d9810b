import { createColors } from 'picocolors';
import { Exit } from './exit';
import { output } from './interrupt';
import { type Output, wrapped } from './print';

/** Where a command writes: results and steps to `out`, errors and hints to `err`, one line at a time. */
export interface Terminal extends Output {
  readonly colours: ReturnType<typeof createColors>;
  err(line: string): void;
}

/** The terminal of this process. Uses colours only on a TTY, and never if NO_COLOR is set (https://no-color.org). */
export function processTerminal(): Terminal {
  endWhenOutputCloses(process);
  return {
    colours: createColors(wantsColours(process.stdout.isTTY, process.env)),
    get columns() {
      // Without a terminal isTTY is undefined, although its type is boolean.
      return process.stdout.isTTY ? process.stdout.columns : undefined;
    },
    out: (line = '') => void process.stdout.write(`${line}\n`),
    err: (line) => {
      // Only people read stderr, so each line can be wrapped here.
      const columns = process.stderr.isTTY ? process.stderr.columns : undefined;
      process.stderr.write(`${wrapped(line, columns).join('\n')}\n`);
    },
  };
}

type Outputs = Pick<NodeJS.Process, 'stdout' | 'stderr' | 'exit'>;

/**
 * The reader of stdout may exit early (`| head`, a closed terminal window). Node.js would crash with EPIPE on the next write.
 * Commands with an interrupt handler clean up, others exit.
 */
export function endWhenOutputCloses(outputs: Outputs): void {
  let isHandled = false;
  const endOnBrokenPipe = () => {
    if (isHandled) return;
    isHandled = true;
    if (!output.emit('closed')) outputs.exit(Exit.interrupted);
  };
  for (const stream of [outputs.stdout, outputs.stderr]) stream.on('error', endOnBrokenPipe);
}

/** Never undefined: with undefined, picocolors would decide itself and would use colours in CI. */
export function wantsColours(isTerminal: boolean | undefined, environment: NodeJS.ProcessEnv): boolean {
  return isTerminal === true && (environment.NO_COLOR ?? '') === '' && environment.TERM !== 'dumb';
}

/**
 * Makes text from outside (a key, a model's message, a line of a result) safe to show. Control characters could control the
 * terminal, and bidirectional characters could reorder the line: both become escapes.
 */
export function printable(text: string, maxCharacters = 400): string {
  const safe = text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => {
      const code = character.charCodeAt(0);
      return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
    },
  );
  return safe.length <= maxCharacters ? safe : `${safe.slice(0, maxCharacters - 1)}…`;
}

/** `1.2 kB`, with units of powers of ten. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${units[unit] ?? 'B'}`;
}

/** The time since then: `12.3 s`, or from two days on `3 d 04 h`. */
export function age(time: string | Date, now: number): string {
  const milliseconds = now - new Date(time).getTime();
  const hours = Math.floor(milliseconds / 3_600_000);
  if (hours < 48) return duration(milliseconds);
  return `${Math.floor(hours / 24)} d ${String(hours % 24).padStart(2, '0')} h`;
}

export const ago = (time: string | Date, now: number) => `${age(time, now)} ago`;

/** `12.3 s`, `4 min 05 s`, `2 h 03 min`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (count: number) => String(count).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

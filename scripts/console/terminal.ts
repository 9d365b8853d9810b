import { createColors } from 'picocolors';
import { Exit } from './exit';
import { type Output, wrapped } from './print';

/** Where a command writes: results and steps to `out`, errors and hints to `err`, one line at a time. */
export interface Terminal extends Output {
  readonly colours: ReturnType<typeof createColors>;
  err(line: string): void;
}

/** The process's own terminal; colours only on a TTY, and never where NO_COLOR is set (https://no-color.org). */
export function processTerminal(): Terminal {
  endWhenOutputCloses(process);
  return {
    colours: createColors(wantsColours(process.stdout.isTTY, process.env)),
    get columns() {
      // Node.js has no isTTY at all where there is no terminal, whatever its types say.
      return process.stdout.isTTY ? process.stdout.columns : undefined;
    },
    out: (line = '') => void process.stdout.write(`${line}\n`),
    err: (line) => {
      // Trouble is for people only, so that each line can be broken here.
      const columns = process.stderr.isTTY ? process.stderr.columns : undefined;
      process.stderr.write(`${wrapped(line, columns).join('\n')}\n`);
    },
  };
}

type Outputs = Pick<NodeJS.Process, 'stdout' | 'stderr' | 'emit' | 'exit'>;

/**
 * Whoever reads our output may go (`| head`, a terminal window that is closed); Node.js would then die of the next line, in
 * the middle of everything. It is taken as the signal that other programs get, SIGPIPE: who catches interrupts takes
 * everything down, others end.
 */
export function endWhenOutputCloses(outputs: Outputs): void {
  let isTold = false;
  const endOnBrokenPipe = () => {
    if (isTold) return;
    isTold = true;
    if (!outputs.emit('SIGPIPE', 'SIGPIPE')) outputs.exit(Exit.interrupted);
  };
  for (const stream of [outputs.stdout, outputs.stderr]) stream.on('error', endOnBrokenPipe);
}

/** Always a boolean: told nothing, picocolors decides by itself, and colours whatever a CI writes. */
export function wantsColours(isTerminal: boolean | undefined, environment: NodeJS.ProcessEnv): boolean {
  return isTerminal === true && (environment.NO_COLOR ?? '') === '' && environment.TERM !== 'dumb';
}

/**
 * Text from outside (a key, a model's message, a line of a result) as it may be shown: control characters, which could
 * drive the terminal, and characters that reorder the line are written as escapes.
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

/** `1.2 kB`, in powers of ten. */
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

/** How long since then: `12.3 s`; of days, `3 d 04 h`. */
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

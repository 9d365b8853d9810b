import { InvalidArgumentError, Option } from 'commander';

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** `7d` in milliseconds. Throws InvalidArgumentError. */
export function timeSpan(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  const milliseconds = Number(count) * (UNITS[unit] ?? 0);
  if (milliseconds > 0) return milliseconds;
  throw new InvalidArgumentError('It is a number and a unit: 90s, 30m, 12h, 7d, 2w.');
}

/** `--since`, a week if it is not said; milliseconds back. */
export function sinceOption(description: string): Option {
  return new Option('--since <SPAN>', `${description}: 90s, 30m, 12h, 7d, 2w`)
    .argParser(timeSpan)
    .default(timeSpan('7d'), '7d');
}

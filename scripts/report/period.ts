import { InvalidArgumentError } from 'commander';

const DAY_MS = 24 * 3_600_000;
export const DEFAULT_PERIOD_MS = 30 * DAY_MS;
const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, d: DAY_MS, w: 7 * DAY_MS };
/** Longest period, in days. Nobody reads a page of more than a year; the receipts stay in the bucket. */
const MOST_DAYS = 400;

/** The milliseconds of a period such as `30d`. Throws InvalidArgumentError. */
export function periodMs(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,5})([hdw])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS[unit] ?? 0);
  if (ms > 0 && ms <= MOST_DAYS * DAY_MS) return ms;
  throw new InvalidArgumentError(
    `A period is a number of hours, days or weeks: 12h, 30d, 8w; at most ${MOST_DAYS}d.`,
  );
}

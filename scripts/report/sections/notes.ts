import { duration } from '../../console/terminal';
import type { ReportFacts } from '../facts';
import { type Markup, markup } from '../markup';
import { counted, dateTime, section } from '../parts';

/** How the numbers were counted, and what is missing from them. */
export function notesSection(facts: ReportFacts): Markup {
  const notes = [
    pricesNote(facts),
    spotNote(facts),
    savedNote(facts),
    estimatedNote(facts),
    JOB_COST_NOTE,
    wholeNote(facts),
    unreadableNote(facts),
  ].filter((note) => note !== undefined);
  return section(
    'notes',
    'How this was counted',
    markup`<ul>
      ${notes.map((note) => markup`<li>${note}</li> `)}
    </ul>`,
  );
}

const JOB_COST_NOTE =
  'A job’s on-time is that of its bill: its part of boot, idle time and run. ' +
  'Where it has none, it is the time from claim to receipt, shared with jobs that ran beside it.';

function pricesNote({ readings }: ReportFacts): string {
  const { instance, usdPerHour, region, pricesAsOf } = readings;
  if (instance?.type === undefined) return 'There is no instance any more, so there is no price: hours only.';
  if (usdPerHour === undefined) return `The price table has no ${instance.type} in ${region}: hours only.`;
  return (
    `Prices: ${instance.type}, ${usdPerHour} USD an hour on demand in ${region}, ` +
    `list price of ${pricesAsOf}, for the whole period; ` +
    'from when it runs, a minute at least for each start, as EC2 bills it. ' +
    'Disk, requests and tax are not in it: they would cost the same, or next to nothing.'
  );
}

function spotNote({ readings }: ReportFacts): string | undefined {
  if (readings.instance?.isSpot !== true) return undefined;
  return 'It is a spot instance: what you pay is less than these on-demand prices.';
}

function savedNote({ readings, period }: ReportFacts): string {
  const from = readings.hasEarlier ? '' : 'The period begins with the first trace of work.';
  return (
    'Saved is what an instance that is never stopped would have been on ' +
    `from ${dateTime(period.fromMs)} to ${dateTime(period.toMs)} UTC, less the on-time. ${from}`
  );
}

function estimatedNote({ estimatedMs, onMs }: ReportFacts): string | undefined {
  if (estimatedMs === 0) return undefined;
  return (
    `${duration(estimatedMs)} of the ${duration(onMs)} of on-time are estimated: ` +
    'from receipts, the first claim to the last receipt of a boot. ' +
    'Booting before and stopping after are missing there, so the instance was on for somewhat longer.'
  );
}

function wholeNote({ readings }: ReportFacts): string | undefined {
  if (readings.isWhole) return undefined;
  return 'There is more in the buckets than one report reads: the oldest of it is missing here.';
}

function unreadableNote({ readings: { unreadable } }: ReportFacts): string | undefined {
  if (unreadable === 0) return undefined;
  const are = unreadable === 1 ? 'is' : 'are';
  return `${counted(unreadable, 'record')} could not be read and ${are} not counted.`;
}

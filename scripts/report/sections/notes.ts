import { duration } from '../../console/terminal';
import type { ReportFacts } from '../facts';
import { type Markup, markup } from '../markup';
import { counted, dateTime, section } from '../parts';

/** How the numbers were counted, and what is missing from them. */
export function notesSection(facts: ReportFacts): Markup {
  const { instance, isWhole, unreadable } = facts.readings;
  const notes = [
    pricesNote(facts),
    ...(instance?.isSpot === true ? [SPOT_NOTE] : []),
    savedNote(facts),
    ...(facts.estimatedMs > 0 ? [estimatedNote(facts)] : []),
    JOB_COST_NOTE,
    ...(isWhole ? [] : [WHOLE_NOTE]),
    ...(unreadable > 0 ? [unreadableNote(unreadable)] : []),
  ];
  return section(
    'notes',
    'How this was counted',
    markup`<ul>
      ${notes.map((note) => markup`<li>${note}</li> `)}
    </ul>`,
  );
}

const SPOT_NOTE = 'It is a spot instance: you pay less than these on-demand prices.';

const WHOLE_NOTE =
  'The buckets have more records than one report reads: the oldest records are missing here.';

const JOB_COST_NOTE =
  'A job’s on-time comes from its bill: its part of boot, idle time and run. ' +
  'For a job without a bill, it is the time from claim to receipt, shared with jobs that ran at the same time.';

function pricesNote({ readings }: ReportFacts): string {
  const { instance, usdPerHour, region, pricesAsOf } = readings;
  if (instance?.type === undefined)
    return 'The instance no longer exists, so there is no price: the report has hours only.';
  if (usdPerHour === undefined)
    return `The price table has no ${instance.type} in ${region}: the report has hours only.`;
  return (
    `Prices: ${instance.type}, ${usdPerHour} USD an hour on demand in ${region}, ` +
    `list price of ${pricesAsOf}, for the whole period. ` +
    'As in EC2’s bill, each start counts from `running` on, at least a minute. ' +
    'Disk, requests and tax are left out: they would cost the same, or almost nothing.'
  );
}

function savedNote({ readings, period }: ReportFacts): string {
  const from = readings.hasEarlier ? '' : 'The period begins with the first trace of work.';
  return (
    'Saved is the on-time of an instance that is never stopped, ' +
    `from ${dateTime(period.fromMs)} to ${dateTime(period.toMs)} UTC, minus the real on-time. ${from}`
  );
}

function estimatedNote({ estimatedMs, onMs }: ReportFacts): string {
  return (
    `${duration(estimatedMs)} of the ${duration(onMs)} of on-time are estimated from receipts: ` +
    'from the first claim to the last receipt of a boot. ' +
    'The time of booting and stopping is missing there, so the instance was on for a little longer.'
  );
}

function unreadableNote(count: number): string {
  return `${counted(count, 'record')} could not be read and ${count === 1 ? 'is' : 'are'} not counted.`;
}

import { duration } from '../../console/terminal';
import type { JobFacts, ReportFacts } from '../facts';
import { type Markup, markup } from '../markup';
import { NOTHING_RAN, counted, dateTime, details, legend, outcomeMark, section, table } from '../parts';
import { TIMELINE_DAYS, TIMELINE_JOBS, isOneAxis, timelinePlot } from '../plots';

/** Maximum rows of a table; `--json` has all. */
const ROWS_SHOWN = 200;

export function timelineSection(facts: ReportFacts): Markup {
  const picture = timelinePlot(facts, labelOf(facts));
  return section(
    'timeline',
    'When the instance was on',
    picture === undefined ? NOTHING_RAN : timeline(facts, picture),
  );
}

/** The picture in words, for screen readers. */
function labelOf({ onTimes, onMs, jobs, failures }: ReportFacts): string {
  const on = `the instance was on ${counted(onTimes.length, 'time')}, ${duration(onMs)} in all`;
  const work = `for ${counted(jobs.length, 'job')}, ${failures.length} of them failed`;
  return `Timeline: ${on}, ${work}. The tables below have the same data.`;
}

function timeline(facts: ReportFacts, picture: Markup): Markup {
  const { onTimes, jobs } = facts;
  return markup`<figure>
    ${picture}
    <figcaption>
      ${captionOf(facts)}
    </figcaption>
    ${legend(legendOf(facts))}
  </figure>
  ${details('on-times', `Table: on-times (${onTimes.length})`, onTimesTable(facts))}
  ${details('job-list', `Table: jobs (${jobs.length})`, jobsTable(facts))}`;
}

const CAPTION_OF_HOURS = 'The first row is the instance, the other rows are its jobs. Times in UTC.';
const CAPTION_OF_DAYS = 'Each row is a day, from midnight to midnight UTC.';

function captionOf({ period, jobs, days }: ReportFacts): string {
  if (isOneAxis(period)) {
    const all = jobs.length <= TIMELINE_JOBS;
    return `${CAPTION_OF_HOURS}${all ? '' : ` Shown: the latest ${TIMELINE_JOBS} of ${jobs.length} jobs.`}`;
  }
  const all = days.length <= TIMELINE_DAYS;
  return `${CAPTION_OF_DAYS}${all ? '' : ` Shown: the last ${TIMELINE_DAYS} of ${days.length} days.`}`;
}

function legendOf({ period, estimatedMs }: ReportFacts): (readonly [string, string])[] {
  return [
    ['on', 'on'],
    ...(estimatedMs > 0 ? ([['estimated', 'on, estimated']] as const) : []),
    ['job', 'job'],
    ['failed', 'failed job'],
    ...(isOneAxis(period) ? ([['waiting', 'waiting']] as const) : []),
  ];
}

function onTimesTable({ onTimes }: ReportFacts): Markup {
  const latest = [...onTimes].reverse().slice(0, ROWS_SHOWN);
  return markup`${shownNote(onTimes.length)}${table(
    'When the instance was on, the latest first; times in UTC',
    [['From'], ['To'], ['On for', 'number'], ['Basis']],
    latest.map(({ fromMs, toMs, kind }) => [
      dateTime(fromMs),
      dateTime(toMs),
      duration(toMs - fromMs),
      KNOWN[kind],
    ]),
  )}`;
}

/** How exactly an on-time is known. */
const KNOWN = {
  recorded: 'recorded',
  approximate: 'recorded, the end is approximate',
  estimated: 'estimated from receipts',
};

function jobsTable({ jobs }: ReportFacts): Markup {
  return markup`${shownNote(jobs.length)}${table(
    'Jobs, the latest first; times in UTC',
    [['Upload', 'key'], ['Ended'], ['Outcome'], ['Waited', 'number'], ['Ran', 'number']],
    jobs.slice(0, ROWS_SHOWN).map(jobRow),
  )}`;
}

function jobRow({ key, endedMs, outcome, waitMs, runMs }: JobFacts) {
  return [key, dateTime(endedMs), outcomeMark(outcome), durationOf(waitMs), durationOf(runMs)];
}

const durationOf = (ms: number | undefined) => (ms === undefined ? undefined : duration(ms));

function shownNote(count: number): Markup | undefined {
  if (count <= ROWS_SHOWN) return undefined;
  return markup`<p class="muted">The latest ${ROWS_SHOWN} of ${count}; <code>--json</code> has all.</p>`;
}

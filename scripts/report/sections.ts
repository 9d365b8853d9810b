import { resultsPrefix } from '../../lifecycle/job';
import { duration } from '../console/terminal';
import { usd } from '../prices/prices';
import { DURATION_BINS, type JobFacts, type ReportFacts, type Spread } from './facts';
import { Markup, escaped, markup } from './markup';
import { logUrl, resultsUrl } from './links';
import { at, details, legend, many, percent, section, table } from './parts';
import { TIMELINE_DAYS, TIMELINE_JOBS, daysPlot, spreadPlot, timelinePlot } from './plots';

const ROWS_SHOWN = 200;

export function summarySection(facts: ReportFacts): Markup {
  const { savedUsd, savedShare, onMs, alwaysOnMs, jobs, failures, waiting, running } = facts;
  const isEstimated = facts.estimatedMs > 0 ? ' (partly estimated)' : '';
  const tile = (id: string, name: string, number: string, small: string) =>
    markup`<div>
      <dt>${name}</dt>
      <dd><span class="number" id="${id}">${number}</span><br /><span class="small">${small}</span></dd>
    </div> `;
  return section(
    'summary',
    'In numbers',
    markup`<dl class="tiles">
      ${tile(
        'saved',
        'Saved',
        savedShare === undefined ? '–' : percent(savedShare),
        savedUsd === undefined
          ? `${duration(alwaysOnMs - onMs)} of instance time`
          : `${usd(savedUsd)}: ${usd(facts.onUsd)} instead of ${usd(facts.alwaysOnUsd)}`,
      )}${tile('on-time', 'On-time', duration(onMs), `of ${duration(alwaysOnMs)}${isEstimated}`)}${tile(
        'job-free',
        'Of it without a job',
        duration(facts.jobFreeMs),
        'booting, waiting, stopping',
      )}${tile('jobs', 'Jobs', String(jobs.length), `${jobs.length - failures.length} succeeded`)}${tile(
        'failed',
        'Failed',
        String(failures.length),
        failures.length === 0 ? 'none' : percent(failures.length / jobs.length),
      )}${tile(
        'waited',
        'Waiting, median',
        waiting ? duration(waiting.medianMs) : '–',
        waiting ? `longest ${duration(waiting.longestMs)}` : 'no job has begun',
      )}${tile(
        'ran',
        'Running, median',
        running ? duration(running.medianMs) : '–',
        running ? `longest ${duration(running.longestMs)}` : 'no job has begun',
      )}
    </dl>`,
  );
}

export function timelineSection(facts: ReportFacts): Markup {
  const { onTimes, jobs, period } = facts;
  const label = `Timeline: the instance was on ${many(onTimes.length, 'time')}, ${duration(facts.onMs)} in all, for ${many(jobs.length, 'job')}, ${facts.failures.length} of them failed. The tables below hold the same.`;
  const picture = timelinePlot(facts, label);
  const isShort = period.toMs - period.fromMs <= 36 * 3_600_000;
  const shown = isShort
    ? jobs.length > TIMELINE_JOBS
      ? `the latest ${TIMELINE_JOBS} of ${jobs.length} jobs`
      : undefined
    : facts.days.length > TIMELINE_DAYS
      ? `the last ${TIMELINE_DAYS} of ${facts.days.length} days`
      : undefined;
  return section(
    'timeline',
    'When the instance was on',
    picture === undefined
      ? markup`<p>Nothing has run in this period.</p>`
      : markup`<figure>
            ${picture}
            <figcaption>
              ${isShort ? 'Above the instance, below it its jobs; times in UTC.' : 'A row is a day, from midnight to midnight UTC.'}${shown === undefined ? '' : ` Drawn: ${shown}.`}
            </figcaption>
            ${legend([
              ['on', 'on'],
              ...(facts.estimatedMs > 0 ? ([['estimated', 'on, estimated']] as const) : []),
              ['job', 'job'],
              ['failed', 'failed job'],
              ...(isShort ? ([['waiting', 'waiting']] as const) : []),
            ])}
          </figure>
          ${details('on-times', `Table: on-times (${onTimes.length})`, onTimesTable(facts))}
          ${details('job-list', `Table: jobs (${jobs.length})`, jobsTable(facts))}`,
  );
}

function onTimesTable({ onTimes }: ReportFacts): Markup {
  const latest = [...onTimes].reverse().slice(0, ROWS_SHOWN);
  return markup`${more(onTimes.length)}${table(
    'When the instance was on, the latest first; times in UTC',
    [{ head: 'From' }, { head: 'To' }, { head: 'On for', kind: 'number' }, { head: 'Known' }],
    latest.map(({ fromMs, toMs, kind }) => [at(fromMs), at(toMs), duration(toMs - fromMs), KNOWN[kind]]),
  )}`;
}

const KNOWN = {
  recorded: 'recorded',
  approximate: 'its end is approximate',
  estimated: 'estimated from receipts',
};

function jobsTable({ jobs }: ReportFacts): Markup {
  return markup`${more(jobs.length)}${table(
    'Jobs, the latest first; times in UTC',
    [
      { head: 'Upload', kind: 'key' },
      { head: 'Ended' },
      { head: 'Outcome' },
      { head: 'Waited', kind: 'number' },
      { head: 'Ran', kind: 'number' },
    ],
    jobs
      .slice(0, ROWS_SHOWN)
      .map((job) => [
        job.key,
        at(job.endedMs),
        job.outcome === 'failed'
          ? markup`<span class="bad">failed</span>`
          : markup`<span class="good">succeeded</span>`,
        job.waitMs === undefined ? undefined : duration(job.waitMs),
        job.runMs === undefined ? undefined : duration(job.runMs),
      ]),
  )}`;
}

function more(count: number): Markup {
  return count > ROWS_SHOWN
    ? markup`<p class="muted">The latest ${ROWS_SHOWN} of ${count}; <code>--json</code> has all.</p>`
    : markup``;
}

export function daysSection(facts: ReportFacts): Markup {
  const label = `On-time by day: ${duration(facts.onMs)} over ${many(facts.days.length, 'day')}, against ${duration(facts.alwaysOnMs)} if the instance were always on. The table below holds the same.`;
  const days = [...facts.days].reverse();
  return section(
    'days',
    'On-time by day, against always on',
    facts.days.length === 0
      ? markup`<p>Nothing has run in this period.</p>`
      : markup`<figure>
            ${daysPlot(facts, label)}
            <figcaption>
              Days in UTC. The first and the last day count as far as the period reaches.
            </figcaption>
            ${legend([
              ['on', 'on'],
              ['always', 'if it were always on'],
            ])}
          </figure>
          ${details(
            'day-list',
            `Table: days (${days.length})`,
            table(
              'Days, the latest first',
              [
                { head: 'Day (UTC)' },
                { head: 'On', kind: 'number' },
                { head: 'Always on', kind: 'number' },
                { head: 'Jobs', kind: 'number' },
                { head: 'Failed', kind: 'number' },
              ],
              days.map(({ day, onMs, alwaysOnMs, jobs, failed }) => [
                day,
                duration(onMs),
                duration(alwaysOnMs),
                jobs,
                failed,
              ]),
            ),
          )}`,
  );
}

export function timesSection({ waiting, running }: ReportFacts): Markup {
  const half = (id: string, name: string, what: string, spread: Spread, fill: string) => {
    const told = `median ${duration(spread.medianMs)}, nine of ten within ${duration(spread.ninetiethMs)}, longest ${duration(spread.longestMs)}`;
    return markup`<div>
      <h3>${name}</h3>
      <p class="muted">${what}: ${told}.</p>
      <figure>
        ${spreadPlot(spread, fill, `${name} of ${many(spread.count, 'job')}: ${told}. The table below holds the counts.`)}
      </figure>
      ${details(
        id,
        `Table: ${name.toLowerCase()}`,
        table(
          `${name}, counted`,
          [{ head: 'Time' }, { head: 'Jobs', kind: 'number' }],
          DURATION_BINS.map(({ label }, index) => [label, spread.bins[index] ?? 0]),
        ),
      )}
    </div> `;
  };
  return section(
    'times',
    'Waiting and running',
    !waiting || !running
      ? markup`<p>No job has begun in this period.</p>`
      : markup`<div class="pair">
          ${half('wait-list', 'Waiting', 'From the upload to the model’s start', waiting, 'var(--wait)')}${half('run-list', 'Running', 'From the model’s start to the receipt', running, 'var(--job)')}
        </div>`,
  );
}

const FAILURES_SHOWN = 50;

export function failuresSection({ failures, failureKinds, readings }: ReportFacts): Markup {
  const shown = failures.slice(0, FAILURES_SHOWN);
  const one = (job: JobFacts) =>
    markup`<li>
      <strong class="key">${job.key}</strong> <span class="bad">failed</span> ${at(job.endedMs)}
      <div>${job.error ? `${job.error.kind}: ${job.error.message}` : 'no reason is given'}</div>
      <div class="muted">model ${job.model}, attempt ${job.attempt}, job ${job.jobId.slice(0, 12)}</div>
      ${job.stderrTail === undefined || job.stderrTail === '' ? undefined : details(`stderr-${job.jobId.slice(0, 12)}`, 'What the model wrote last', markup`<pre>${stderrLines(job.stderrTail)}</pre>`)}
      ${where(job, readings)}
    </li> `;
  return section(
    'failures',
    'Failures',
    failures.length === 0
      ? markup`<p>No job has failed in this period.</p>`
      : markup`<p>
            ${failureKinds.map(({ kind, count }, index) => `${index > 0 ? ', ' : ''}${kind}: ${count}`)}.${failures.length > FAILURES_SHOWN ? ` The latest ${FAILURES_SHOWN} of ${failures.length}:` : ''}
          </p>
          <ul class="failures">
            ${shown.map(one)}
          </ul>`,
  );
}

const stderrLines = (text: string) => text.split('\n').map((line) => [line, new Markup('\n')]);

/** On AWS the console's pages; the local cloud has no console, but says what to call. */
function where(
  job: JobFacts,
  { cloud, region, drainLogGroup, outputBucket }: ReportFacts['readings'],
): Markup {
  const prefix = resultsPrefix(job.key, job.jobId);
  if (cloud === 'local')
    return markup`<div class="muted key">Receipt: s3://${outputBucket}/${prefix}receipt.json</div>`;
  const links = [
    [logUrl(region, drainLogGroup, job), 'Log'],
    [resultsUrl(region, outputBucket, prefix), 'Results and receipt'],
  ] as const;
  return markup`<div>
    ${links.map(([url, name]) => markup`<a href="${new Markup(escaped(url))}">${name} of ${job.key}</a> `)}
  </div>`;
}

export function spendersSection({ spenders, models, readings, jobs }: ReportFacts): Markup {
  const cost = (costUsd: number | undefined) =>
    readings.usdPerHour === undefined ? undefined : usd(costUsd);
  const money = readings.usdPerHour === undefined ? [] : [{ head: 'Price', kind: 'number' } as const];
  return section(
    'spenders',
    'The biggest spenders',
    spenders.length === 0
      ? markup`<p>Nothing has run in this period.</p>`
      : markup`${table(
          'By model',
          [
            { head: 'Model', kind: 'key' },
            { head: 'Jobs', kind: 'number' },
            { head: 'Failed', kind: 'number' },
            { head: 'On-time', kind: 'number' },
            ...money,
          ],
          models.map((model) => [
            model.model,
            model.jobs,
            model.failed,
            duration(model.costMs),
            cost(model.costUsd),
          ]),
        )}
          <h3>By job</h3>
          ${table(
            `The ${spenders.length} of ${many(jobs.length, 'job')} that have cost most`,
            [
              { head: 'Upload', kind: 'key' },
              { head: 'Ended (UTC)' },
              { head: 'On-time', kind: 'number' },
              ...money,
              { head: 'Known' },
            ],
            spenders.map((job) => [
              job.key,
              at(job.endedMs),
              duration(job.costMs),
              ...(money.length > 0 ? [cost(job.costUsd)] : []),
              job.isCostEstimated ? 'estimated' : 'billed',
            ]),
          )}`,
  );
}

export function notesSection({ readings, onMs, estimatedMs, period }: ReportFacts): Markup {
  const { instance, usdPerHour, pricesAsOf, unreadable } = readings;
  const notes = [
    instance?.type === undefined
      ? 'There is no instance any more, so there is no price: hours only.'
      : usdPerHour === undefined
        ? `The price table has no ${instance.type} in ${readings.region}: hours only.`
        : `Prices: ${instance.type}, ${usdPerHour} USD an hour on demand in ${readings.region}, list price of ${pricesAsOf}, for the whole period; from when it runs, a minute at least for each start, as EC2 bills it. Disk, requests and tax are not in it: they would cost the same, or next to nothing.`,
    ...(instance?.isSpot === true
      ? ['It is a spot instance: what you pay is less than these on-demand prices.']
      : []),
    `Saved is what an instance that is never stopped would have been on from ${at(period.fromMs)} to ${at(period.toMs)} UTC, less the on-time. ${readings.hasEarlier ? '' : 'The period begins with the first trace of work.'}`,
    ...(estimatedMs > 0
      ? [
          `${duration(estimatedMs)} of the ${duration(onMs)} of on-time are estimated: from receipts, the first claim to the last receipt of a boot. Booting before and stopping after are missing there, so the instance was on for somewhat longer.`,
        ]
      : []),
    'A job’s on-time is that of its bill: its part of boot, idle time and run. Where it has none, it is the time from claim to receipt, shared with jobs that ran beside it.',
    ...(readings.isWhole
      ? []
      : ['There is more in the buckets than one report reads: the oldest of it is missing here.']),
    ...(unreadable > 0
      ? [
          `${many(unreadable, 'record')} could not be read and ${unreadable === 1 ? 'is' : 'are'} not counted.`,
        ]
      : []),
  ];
  return section(
    'notes',
    'How this was counted',
    markup`<ul>
      ${notes.map((note) => markup`<li>${note}</li> `)}
    </ul>`,
  );
}

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { DURATION_BINS, type JobFacts, type ReportFacts, type Spread, dayBeginMs, dayOf } from './facts';
import { Markup, escaped } from './markup';
import { type Interval, clipped } from './intervals';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Widths of the two drawings of each plot, in pixels. Text in a picture that is only scaled would be too small on a phone.
 */
const WIDTHS = { wide: 900, narrow: 320 } as const;
type Width = keyof typeof WIDTHS;

/** Longest period, in milliseconds, that is drawn along one axis of time; a longer one has a row a day. */
const ONE_AXIS_MS = 36 * HOUR_MS;
/** In a period shorter than this, in milliseconds, the ticks are less than a minute apart. */
const TICKS_OF_SECONDS_MS = 10 * 60_000;
/** Maximum rows of a timeline: as many as a person looks through. */
export const TIMELINE_DAYS = 62;
export const TIMELINE_JOBS = 12;

/** A plot in both widths. `label` describes it in words. */
function plot(label: string, make: (width: Width, pixels: number) => Plot.PlotOptions): Markup {
  // The DOM's types are not loaded: in this project there is no browser.
  const window = parseHTML('<!doctype html><html><body></body></html>') as { readonly document: never };
  const { document } = window;
  const pictures = (Object.keys(WIDTHS) as Width[]).map((width) => {
    const options = { width: WIDTHS[width], ...make(width, WIDTHS[width]), document };
    const svg = Plot.plot(options) as unknown as { readonly outerHTML: string };
    return picture(svg.outerHTML, width, label);
  });
  return new Markup(pictures.join('\n'));
}

/**
 * Removes the plot's own styles, because the page's policy allows no style but the page's. Removes the labels
 * of its parts too: a screen reader treats a picture as one thing, and the table beside it has the numbers.
 */
function picture(svg: string, width: Width, label: string): string {
  return svg
    .replace(/<style>[\s\S]*?<\/style>/g, '')
    .replace(/ (?:style|aria-label|aria-hidden|aria-description)="[^"]*"/g, '')
    .replace(/ class="[^"]*"/g, '')
    .replace(/\d+\.\d{3,}/g, (number) => String(Math.round(Number(number) * 100) / 100))
    .replace('<svg', `<svg class="plot ${width}" role="img" aria-label="${escaped(label)}"`);
}

/** When the instance was on, and the jobs below it. Undefined: there is no on-time and no job. */
export function timelinePlot(facts: ReportFacts, label: string): Markup | undefined {
  if (facts.onTimes.length === 0 && facts.jobs.length === 0) return undefined;
  return isOneAxis(facts.period) ? hoursTimeline(facts, label) : daysTimeline(facts, label);
}

/** Whether the timeline is one axis of time; otherwise it has one row a day. */
export const isOneAxis = ({ fromMs, toMs }: Interval) => toMs - fromMs <= ONE_AXIS_MS;

const onFill = (kind: string) => (kind === 'recorded' ? 'var(--on)' : 'var(--on-estimated)');
const jobFill = ({ outcome }: Pick<JobFacts, 'outcome'>) =>
  outcome === 'failed' ? 'var(--failed)' : 'var(--job)';

/** One axis of time: the instance in the first row, and a row for each of the latest jobs. */
function hoursTimeline({ period, onTimes, jobs }: ReportFacts, label: string): Markup {
  const latest = [...jobs.slice(0, TIMELINE_JOBS)].reverse();
  const hasSeconds = period.toMs - period.fromMs < TICKS_OF_SECONDS_MS;
  const rowOf = new Map(latest.map((job, index) => [job.jobId, index + 1]));
  const on = onTimes.map((one) => ({ ...bar(0, one), fill: onFill(one.kind) }));
  const running = latest.flatMap((job) => {
    const held = job.held && clipped(job.held, period);
    return held ? [{ ...bar(rowOf.get(job.jobId) ?? 0, held), fill: jobFill(job) }] : [];
  });
  const waiting = latest.flatMap((job) => {
    const wait = { fromMs: job.cameMs, toMs: job.held?.fromMs ?? job.endedMs };
    const within = clipped(wait, period);
    return within
      ? [{ y: rowOf.get(job.jobId) ?? 0, x1: new Date(within.fromMs), x2: new Date(within.toMs) }]
      : [];
  });
  return plot(label, (width) => ({
    height: 46 + 22 * (latest.length + 1),
    marginLeft: width === 'wide' ? 190 : 76,
    marginRight: 20,
    marginTop: 4,
    x: {
      type: 'utc',
      domain: [new Date(period.fromMs), new Date(period.toMs)],
      ticks: width === 'wide' ? 8 : 3,
      tickFormat: (time: Date) => time.toISOString().slice(11, hasSeconds ? 19 : 16),
      label: null,
      grid: true,
    },
    y: {
      domain: [-0.5, latest.length + 0.5],
      reverse: true,
      ticks: [0, ...latest.map((_, index) => index + 1)],
      tickSize: 0,
      tickFormat: (row: number) =>
        row === 0 ? 'instance' : shortened(latest[row - 1]?.key ?? '', width === 'wide' ? 28 : 10),
      label: null,
    },
    marks: [
      Plot.ruleY(waiting, { y: 'y', x1: 'x1', x2: 'x2', stroke: 'currentColor', strokeDasharray: '2 3' }),
      Plot.rect([...on, ...running], RECT),
    ],
  }));
}

const bar = (row: number, { fromMs, toMs }: Interval) => ({
  x1: new Date(fromMs),
  x2: new Date(toMs),
  y1: row - 0.34,
  y2: row + 0.34,
});

/** Channels of a bar. The stroke has the bar's colour, so that a minute in a month stays visible. */
const RECT = {
  x1: 'x1',
  x2: 'x2',
  y1: 'y1',
  y2: 'y2',
  fill: 'fill',
  stroke: 'fill',
  strokeWidth: 1,
} as const;

/** Keeps the end of a long key: it tells uploads apart better than the beginning. */
const shortened = (text: string, characters: number) => {
  const clean = text.replace(/[\p{C}]/gu, '·');
  return clean.length <= characters ? clean : `…${clean.slice(1 - characters)}`;
};

/** One row a day, the latest at the bottom. On-time is in a row's upper part, jobs in its lower part. */
function daysTimeline({ period, onTimes, jobs }: ReportFacts, label: string): Markup {
  const firstMs = Math.max(
    dayBeginMs(period.fromMs),
    dayBeginMs(period.toMs - 1) - (TIMELINE_DAYS - 1) * DAY_MS,
  );
  const days = Math.ceil((period.toMs - firstMs) / DAY_MS);
  const rects = [
    ...onTimes.flatMap((one) =>
      byDay(one, firstMs, days).map((piece) => ({
        ...piece,
        y1: piece.row - 0.38,
        y2: piece.row + 0.02,
        fill: onFill(one.kind),
      })),
    ),
    ...jobs.flatMap((job) =>
      (job.held ? byDay(job.held, firstMs, days) : []).map((piece) => ({
        ...piece,
        ...{ y1: piece.row + 0.08, y2: piece.row + 0.36 },
        fill: jobFill(job),
      })),
    ),
  ];
  const dayText = (row: number) => dayOf(firstMs + row * DAY_MS).slice(5);
  return plot(label, (width) => ({
    height: 48 + 16 * days,
    ...{ marginLeft: 46, marginRight: 20, marginTop: 4 },
    x: {
      domain: [0, 24],
      ticks: width === 'wide' ? [0, 3, 6, 9, 12, 15, 18, 21, 24] : [0, 6, 12, 18, 24],
      tickFormat: (hour: number) => `${String(hour).padStart(2, '0')}:00`,
      label: null,
      grid: true,
    },
    y: {
      domain: [-0.5, days - 0.5],
      reverse: true,
      ticks: Array.from({ length: days }, (_, row) => row).filter(
        (row) => days <= 10 || (days - 1 - row) % 2 === 0,
      ),
      tickFormat: dayText,
      tickSize: 0,
      label: null,
    },
    marks: [Plot.rect(rects, RECT)],
  }));
}

/** An interval cut at midnights: one piece a row, with x in hours of the day. */
function byDay({ fromMs, toMs }: Interval, firstMs: number, days: number) {
  const pieces: { row: number; x1: number; x2: number }[] = [];
  const from = Math.max(0, Math.floor((fromMs - firstMs) / DAY_MS));
  for (let row = from; row < days && firstMs + row * DAY_MS < toMs; row += 1) {
    const dayMs = firstMs + row * DAY_MS;
    const within = clipped({ fromMs, toMs }, { fromMs: dayMs, toMs: dayMs + DAY_MS });
    if (within)
      pieces.push({ row, x1: (within.fromMs - dayMs) / HOUR_MS, x2: (within.toMs - dayMs) / HOUR_MS });
  }
  return pieces;
}

/** Each day's on-time, in front of the on-time of a machine that is always on. */
export function daysPlot({ days }: ReportFacts, label: string): Markup {
  // In the first days the scale fits the period: minutes beside 24 hours would be a flat line.
  const mostMs = days.length > 2 ? DAY_MS : Math.max(...days.map(({ alwaysOnMs }) => alwaysOnMs));
  const unit = mostMs < 2 * HOUR_MS ? { name: 'min', ms: 60_000 } : { name: 'h', ms: HOUR_MS };
  const most = mostMs / unit.ms;
  const every = (count: number) => Math.max(1, Math.ceil(days.length / count));
  return plot(label, (width) => {
    const step = every(width === 'wide' ? 12 : 5);
    return {
      height: width === 'wide' ? 260 : 220,
      ...{ marginLeft: 46, marginRight: 8, marginTop: 12 },
      x: {
        type: 'band',
        domain: days.map(({ day }) => day),
        ticks: days.map(({ day }) => day).filter((_, index) => (days.length - 1 - index) % step === 0),
        tickFormat: (day: string) => day.slice(5),
        tickSize: 0,
        label: null,
        padding: days.length > 40 ? 0.1 : 0.25,
      },
      y: {
        domain: [0, most],
        ticks: most === 24 ? [0, 6, 12, 18, 24] : 5,
        tickFormat: (count: number) => `${Number(count.toFixed(2))} ${unit.name}`,
        label: null,
        grid: true,
      },
      marks: [
        Plot.barY(days, {
          x: 'day',
          y: (day: (typeof days)[number]) => day.alwaysOnMs / unit.ms,
          fill: 'var(--always)',
          stroke: 'var(--always-line)',
        }),
        Plot.barY(days, {
          x: 'day',
          y: (day: (typeof days)[number]) => day.onMs / unit.ms,
          fill: 'var(--on)',
          stroke: 'var(--on)',
        }),
        Plot.ruleY([0]),
      ],
    };
  });
}

/** How many jobs waited, or ran, for how long. */
export function spreadPlot({ bins }: Spread, fill: string, label: string): Markup {
  const rows = DURATION_BINS.map((bin, index) => ({ bin: bin.label, count: bins[index] ?? 0 }));
  const most = Math.max(1, ...bins);
  return plot(label, () => ({
    height: 24 * rows.length + 12,
    ...{ marginLeft: 76, marginRight: 36, marginTop: 4, marginBottom: 4 },
    x: { domain: [0, most], axis: null },
    y: { type: 'band', domain: rows.map(({ bin }) => bin), tickSize: 0, label: null, padding: 0.2 },
    marks: [
      Plot.barX(rows, { y: 'bin', x: 'count', fill }),
      Plot.text(rows, {
        y: 'bin',
        x: 'count',
        text: (row: (typeof rows)[number]) => String(row.count),
        dx: 6,
        textAnchor: 'start',
        fill: 'currentColor',
      }),
      Plot.ruleX([0]),
    ],
  }));
}

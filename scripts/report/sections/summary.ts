import { duration } from '../../console/terminal';
import { usd } from '../../prices/prices';
import type { ReportFacts, Spread } from '../facts';
import { type Markup, markup } from '../markup';
import { percent, section } from '../parts';

interface Tile {
  readonly id: string;
  readonly name: string;
  readonly number: string;
  /** A line in small letters below the number. */
  readonly note: string;
}

const UNKNOWN = '–';

/** The report in seven numbers. */
export function summarySection(facts: ReportFacts): Markup {
  const tiles = [
    savedTile(facts),
    onTimeTile(facts),
    jobFreeTile(facts),
    jobsTile(facts),
    failedTile(facts),
    medianTile('waited', 'Waiting, median', facts.waiting),
    medianTile('ran', 'Running, median', facts.running),
  ];
  return section(
    'summary',
    'In numbers',
    markup`<dl class="tiles">
      ${tiles.map(tileMarkup)}
    </dl>`,
  );
}

function tileMarkup({ id, name, number, note }: Tile): Markup {
  return markup`<div>
    <dt>${name}</dt>
    <dd><span class="number" id="${id}">${number}</span><br /><span class="small">${note}</span></dd>
  </div> `;
}

function savedTile(facts: ReportFacts): Tile {
  const { savedShare, savedUsd, onUsd, alwaysOnUsd, alwaysOnMs, onMs } = facts;
  const number = savedShare === undefined ? UNKNOWN : percent(savedShare);
  const note =
    savedUsd === undefined
      ? `${duration(alwaysOnMs - onMs)} of instance time`
      : `${usd(savedUsd)}: ${usd(onUsd)} instead of ${usd(alwaysOnUsd)}`;
  return { id: 'saved', name: 'Saved', number, note };
}

function onTimeTile({ onMs, alwaysOnMs, estimatedMs }: ReportFacts): Tile {
  const estimated = estimatedMs > 0 ? ' (partly estimated)' : '';
  return {
    id: 'on-time',
    name: 'On-time',
    number: duration(onMs),
    note: `of ${duration(alwaysOnMs)}${estimated}`,
  };
}

function jobFreeTile({ jobFreeMs }: ReportFacts): Tile {
  return {
    id: 'job-free',
    name: 'On without a job',
    number: duration(jobFreeMs),
    note: 'booting, waiting, stopping',
  };
}

function jobsTile({ jobs, failures }: ReportFacts): Tile {
  const note = `${jobs.length - failures.length} succeeded`;
  return { id: 'jobs', name: 'Jobs', number: String(jobs.length), note };
}

function failedTile({ jobs, failures }: ReportFacts): Tile {
  const note = failures.length === 0 ? 'none' : percent(failures.length / jobs.length);
  return { id: 'failed', name: 'Failed', number: String(failures.length), note };
}

function medianTile(id: string, name: string, spread: Spread | undefined): Tile {
  if (!spread) return { id, name, number: UNKNOWN, note: 'no job has begun' };
  return { id, name, number: duration(spread.medianMs), note: `longest ${duration(spread.longestMs)}` };
}

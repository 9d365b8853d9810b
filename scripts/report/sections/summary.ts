import { duration } from '../../console/terminal';
import { usd } from '../../prices/prices';
import type { ReportFacts, Spread } from '../facts';
import { type Markup, markup } from '../markup';
import { percent, section } from '../parts';

const UNKNOWN = '–';

/** The report in seven numbers. */
export function summarySection(facts: ReportFacts): Markup {
  const { onMs, alwaysOnMs, estimatedMs, jobs, failures } = facts;
  const estimated = estimatedMs > 0 ? ' (partly estimated)' : '';
  const failedShare = failures.length === 0 ? 'none' : percent(failures.length / jobs.length);
  return section(
    'summary',
    'In numbers',
    markup`<dl class="tiles">
      ${[
        savedTile(facts),
        tile('on-time', 'On-time', duration(onMs), `of ${duration(alwaysOnMs)}${estimated}`),
        tile('job-free', 'On without a job', duration(facts.jobFreeMs), 'booting, waiting, stopping'),
        tile('jobs', 'Jobs', String(jobs.length), `${jobs.length - failures.length} succeeded`),
        tile('failed', 'Failed', String(failures.length), failedShare),
        medianTile('waited', 'Waiting, median', facts.waiting),
        medianTile('ran', 'Running, median', facts.running),
      ]}
    </dl>`,
  );
}

/** @param note a line in small letters below the number */
function tile(id: string, name: string, number: string, note: string): Markup {
  return markup`<div>
    <dt>${name}</dt>
    <dd><span class="number" id="${id}">${number}</span><br /><span class="small">${note}</span></dd>
  </div> `;
}

function savedTile(facts: ReportFacts): Markup {
  const { savedShare, savedUsd, onUsd, alwaysOnUsd, alwaysOnMs, onMs } = facts;
  const note =
    savedUsd === undefined
      ? `${duration(alwaysOnMs - onMs)} of instance time`
      : `${usd(savedUsd)}: ${usd(onUsd)} instead of ${usd(alwaysOnUsd)}`;
  return tile('saved', 'Saved', savedShare === undefined ? UNKNOWN : percent(savedShare), note);
}

function medianTile(id: string, name: string, spread: Spread | undefined): Markup {
  if (!spread) return tile(id, name, UNKNOWN, 'no job has begun');
  return tile(id, name, duration(spread.medianMs), `longest ${duration(spread.longestMs)}`);
}

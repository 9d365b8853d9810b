import { describeEnded } from '../../../lifecycle/attempts';
import { resultsPrefix, shortId } from '../../../lifecycle/job';
import type { JobFacts, ReportFacts } from '../facts';
import { logUrl, resultsUrl } from '../links';
import { Markup, escaped, markup } from '../markup';
import { dateTime, details, outcomeMark, section } from '../parts';

/** Maximum failures on the page; `--json` has all. */
const FAILURES_SHOWN = 50;

export function failuresSection(facts: ReportFacts): Markup {
  return section(
    'failures',
    'Failures',
    facts.failures.length === 0
      ? markup`<p>No job has failed in this period.</p>`
      : markup`<p>
        ${kindsOf(facts)}.${shownNote(facts)}
      </p>
      <ul class="failures">
        ${facts.failures.slice(0, FAILURES_SHOWN).map((job) => failure(job, facts.readings))}
      </ul>`,
  );
}

function kindsOf({ failureKinds }: ReportFacts): string[] {
  return failureKinds.map(({ kind, count }, index) => `${index > 0 ? ', ' : ''}${kind}: ${count}`);
}

function shownNote({ failures }: ReportFacts): string {
  return failures.length > FAILURES_SHOWN ? ` The latest ${FAILURES_SHOWN} of ${failures.length}:` : '';
}

function failure(job: JobFacts, readings: ReportFacts['readings']): Markup {
  const id = shortId(job.jobId);
  return markup`<li>
    <strong class="key">${job.key}</strong> ${outcomeMark('failed')} ${dateTime(job.endedMs)}
    <div>${job.error ? `${job.error.kind}: ${job.error.message}` : 'no reason given'}</div>
    <div class="muted">model ${job.model}, attempt ${job.attempt}, job ${id}</div>
    ${earlierAttempts(job)} ${lastLines(id, job.stderrTail)}
    ${places(job, readings)}
  </li> `;
}

function earlierAttempts({ endedAttempts }: JobFacts): Markup | undefined {
  if (endedAttempts.length === 0) return undefined;
  return markup`<div class="muted">before it: ${describeEnded(endedAttempts)}</div>`;
}

function lastLines(id: string, stderrTail = ''): Markup | undefined {
  if (stderrTail === '') return undefined;
  const lines = stderrTail.split('\n').map((line) => [line, new Markup('\n')]);
  return details(`stderr-${id}`, 'Last lines of the model', markup`<pre>${lines}</pre>`);
}

/** Links to the log and the results in AWS's console. The local cloud has no console: the receipt's address instead. */
function places(job: JobFacts, readings: ReportFacts['readings']): Markup {
  const { cloud, region, drainLogGroup, outputBucket } = readings;
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

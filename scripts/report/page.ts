import { hash } from 'node:crypto';
import { duration } from '../console/terminal';
import type { ReportFacts } from './facts';
import { Markup, markup } from './markup';
import { dateTime } from './parts';
import { daysSection } from './sections/days';
import { failuresSection } from './sections/failures';
import { interruptionsSection } from './sections/interruptions';
import { notesSection } from './sections/notes';
import { spendersSection } from './sections/spenders';
import { summarySection } from './sections/summary';
import { timelineSection } from './sections/timeline';
import { timesSection } from './sections/times';
import { STYLE } from './style';

/** What the page has only while a local cloud runs. */
interface LivePart {
  readonly sections: readonly Markup[];
  readonly script: string;
}

/** One page in one file. The page makes no request, and its policy would stop one. */
export function pageOf(facts: ReportFacts, live?: LivePart): string {
  const { pipeline, region, cloud } = facts.readings;
  const sections = [
    summarySection(facts),
    ...(live?.sections ?? []),
    timelineSection(facts),
    daysSection(facts),
    timesSection(facts),
    failuresSection(facts),
    interruptionsSection(facts),
    spendersSection(facts),
    notesSection(facts),
  ];
  const { text } = markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy(live?.script)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <meta name="color-scheme" content="light dark" />
        <link rel="icon" href="data:," />
        <title>Lamplighter: ${pipeline}</title>
        <style>${new Markup(STYLE)}</style>
      </head>
      <body>
        <a class="skip" href="#summary">Skip to the numbers</a>
        <header>
          <h1>Lamplighter: ${pipeline}</h1>
          <p class="muted" id="period">
            ${region}${cloud === 'local' ? ', local cloud' : ''} · ${dateTime(facts.period.fromMs)} to
            ${dateTime(facts.period.toMs)} UTC (${duration(facts.alwaysOnMs)})
          </p>
          <nav aria-label="Sections">
            <ul>
              ${linksTo(facts, live)}
            </ul>
          </nav>
        </header>
        <main>${sections.map((section) => [section, new Markup('\n')])}</main>
        <footer><p>Made by Lamplighter, ${dateTime(facts.readings.nowMs)} UTC.</p></footer>
        ${live && new Markup(`<script>${live.script}</script>`)}
      </body>
    </html>
  `;
  return text;
}

function linksTo({ failures, interruptions }: ReportFacts, live: LivePart | undefined): Markup[] {
  const ofLivePage = [
    ['upload', 'Upload'],
    ['results', 'Results'],
  ] as const;
  const links = [
    ...(live ? ofLivePage : []),
    ['timeline', 'Timeline'],
    ['days', 'Days'],
    ['times', 'Waiting and running'],
    ['failures', `Failures (${failures.length})`],
    ['interruptions', `Interruptions (${interruptions.count})`],
    ['spenders', 'Highest costs'],
    ['notes', 'Notes'],
  ] as const;
  return links.map(([id, name]) => markup`<li><a href="#${id}">${name}</a></li>`);
}

/** A Content-Security-Policy that allows the page's own style and script by their hashes, and nothing else. */
function policy(script: string | undefined): string {
  const allowed = (text: string) => `'sha256-${hash('sha256', text, 'base64')}'`;
  return [
    "default-src 'none'",
    'img-src data:',
    `style-src ${allowed(STYLE)}`,
    "base-uri 'none'",
    "form-action 'none'",
    ...(script === undefined ? [] : [`script-src ${allowed(script)}`, "connect-src 'self'"]),
  ].join('; ');
}

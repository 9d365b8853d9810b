import { hash } from 'node:crypto';
import { duration } from '../console/terminal';
import type { ReportFacts } from './facts';
import { Markup, markup } from './markup';
import { at } from './parts';
import {
  daysSection,
  failuresSection,
  notesSection,
  spendersSection,
  summarySection,
  timelineSection,
  timesSection,
} from './sections';
import { STYLE } from './style';

/** What stands in the page only while a local cloud runs. */
export interface LivePart {
  readonly sections: readonly Markup[];
  readonly script: string;
}

/** One page that needs nothing but itself: no request leaves it, and its policy would stop one. */
export function pageOf(facts: ReportFacts, live?: LivePart): string {
  const { pipeline, region, cloud } = facts.readings;
  const sections = [
    summarySection(facts),
    ...(live?.sections ?? []),
    timelineSection(facts),
    daysSection(facts),
    timesSection(facts),
    failuresSection(facts),
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
            ${region}${cloud === 'local' ? ', local cloud' : ''} · ${at(facts.period.fromMs)} to
            ${at(facts.period.toMs)} UTC (${duration(facts.alwaysOnMs)})
          </p>
          <nav aria-label="Sections">
            <ul>
              ${[
                ...(live
                  ? [
                      ['upload', 'Upload'],
                      ['results', 'Results'],
                    ]
                  : []),
                ['timeline', 'Timeline'],
                ['days', 'Days'],
                ['times', 'Waiting and running'],
                ['failures', `Failures (${facts.failures.length})`],
                ['spenders', 'Spenders'],
                ['notes', 'Notes'],
              ].map(([id, name]) => markup`<li><a href="#${id}">${name}</a></li>`)}
            </ul>
          </nav>
        </header>
        <main>${sections.map((section) => [section, new Markup('\n')])}</main>
        <footer><p>Made by Lamplighter, ${at(facts.readings.nowMs)} UTC.</p></footer>
        ${live && new Markup(`<script>${live.script}</script>`)}
      </body>
    </html>
  `;
  return text;
}

/** Nothing may be loaded, sent or framed; style and script are allowed by what they are. */
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

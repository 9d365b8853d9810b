import { type Command, Option } from 'commander';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Clock, systemClock } from '../../lifecycle/clock';
import { messageOf } from '../../lifecycle/errors';
import { EXITS, addHelp } from '../console/command-help';
import type { CommandContext } from '../console/command-line';
import { Exit, UsageError } from '../console/exit';
import { print } from '../console/print';
import { type Terminal, duration } from '../console/terminal';
import { type PipelineOptions, connect } from '../pipeline/connect';
import { usd } from '../prices/prices';
import { shortPath } from '../tools/project';
import { Collector } from '../report/collect';
import { type ReportFacts, factsOf } from '../report/facts';
import { loadPage } from '../report/load';
import { counted, percent } from '../report/parts';
import { DEFAULT_PERIOD_MS, periodMs } from '../report/period';
import { withTarget } from './options';

interface ReportOptions extends PipelineOptions {
  readonly sinceMs: number;
  /** @default report.html; with `json`, no page is written */
  readonly out?: string | undefined;
}

const DEFAULT_OUT = 'report.html';

export function addReport(root: Command, { terminal }: CommandContext): void {
  const command = withTarget(root.command('report'))
    .description('write a page of on-time, savings, waiting and run times, failures')
    .addOption(
      new Option('--since <PERIOD>', 'period before now: 12h, 30d, 8w')
        .argParser(periodMs)
        .default(DEFAULT_PERIOD_MS, '30d'),
    )
    .option('--out <FILE>', 'file for the page (default: report.html; with --json, no page)')
    .option('--json', 'print the numbers as JSON', false)
    .action(({ since, ...options }: Omit<ReportOptions, 'sinceMs'> & { since: number }) =>
      report({ ...options, sinceMs: since }, terminal),
    );
  addHelp(command, {
    examples: [['report --since 12h --out today.html', 'one file, without other resources']],
    exits: { ...EXITS.pipeline, [Exit.usage]: 'an argument is not valid, or the page cannot be written' },
  });
}

/** Writes a page of a pipeline's jobs and costs. Changes nothing in the cloud. */
async function report(options: ReportOptions, terminal: Terminal, clock: Clock = systemClock): Promise<void> {
  const handle = await connect(options, terminal);
  const now = clock.now();
  const facts = factsOf(await new Collector(handle).collect(now - options.sinceMs, now));
  const out = options.out ?? (options.json ? undefined : DEFAULT_OUT);
  if (out !== undefined) await writePage(out, facts);
  if (options.json) terminal.out(JSON.stringify(asJson(facts), null, 2));
  else print(terminal, lines(facts, out ?? ''));
}

async function writePage(out: string, facts: ReportFacts): Promise<void> {
  try {
    await writeFile(resolve(out), loadPage().pageOf(facts));
  } catch (cause) {
    throw new UsageError(`Cannot write ${out}: ${messageOf(cause)}. Pass another file: --out FILE`, {
      cause,
    });
  }
}

function lines(facts: ReportFacts, out: string): string[] {
  const { onMs, alwaysOnMs, savedShare, savedUsd, jobs, failures, interruptions } = facts;
  const interrupted = interruptions.count === 0 ? '' : `, ${counted(interruptions.count, 'interruption')}`;
  const money = savedUsd === undefined ? '' : `, ${usd(savedUsd)}`;
  return [
    `${counted(jobs.length, 'job')}, ${failures.length} failed${interrupted}; the instance was on for ${duration(onMs)} of ${duration(alwaysOnMs)}` +
      (savedShare === undefined ? '' : ` (${percent(savedShare)} saved${money})`),
    `Written: ${shortPath(resolve(out))}`,
  ];
}

/** The facts for programs. Times are in milliseconds since 1970 unless a name has another unit. */
function asJson({ readings, ...facts }: ReportFacts) {
  const { pipeline, region, cloud, ...read } = readings;
  return { command: 'report', version: 1, cloud, pipeline, region, ...facts, readings: read };
}

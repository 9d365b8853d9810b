import { type Command, Option } from 'commander';
import { type ReportOptions, report } from './report';
import type { CommandLine } from './operations';
import { DEFAULT_PERIOD_MS, periodMs } from '../report/period';

/** Adds `lamplighter report`. */
export function addReport(root: Command, line: Pick<CommandLine, 'terminal' | 'withTarget'>): void {
  line
    .withTarget(root.command('report'))
    .description('write a page of on-time, money saved, waiting and run times, failures')
    .addOption(
      new Option('--since <PERIOD>', 'how far back: 12h, 30d, 8w')
        .argParser(periodMs)
        .default(DEFAULT_PERIOD_MS, '30d'),
    )
    .option('--out <FILE>', 'where the page goes (default: report.html; with --json none)')
    .option('--json', 'print the numbers as JSON', false)
    .action(({ since, ...options }: Omit<ReportOptions, 'sinceMs'> & { since: number }) =>
      report({ ...options, sinceMs: since }, line.terminal),
    );
}

import { SingleBar } from 'cli-progress';
import type { BatchReport } from './batch';
import { CHECKS, type Check } from './check-list';
import type { Options, Output } from './command-line';
import { FAULTS, FAULT_NAMES, type Fault } from './faults';
import { runAll, violationsIn } from './side-by-side';
import { table } from './table';

/** Runs histories, and prints the faults, the checks and the violations. Returns the exit code. */
export async function reportHistories(
  bundle: string,
  options: Options,
  { print, warn }: Output,
): Promise<number> {
  const began = process.hrtime.bigint();
  const interrupt = new AbortController();
  const onInterrupt = () => {
    warn('\nInterrupted: this is what has run so far.');
    interrupt.abort('interrupted');
  };
  process.once('SIGINT', onInterrupt);
  const bar = new SingleBar({
    format: '{bar} {value} of {total} histories, {eta_formatted} left',
    stream: process.stderr,
    noTTYOutput: true,
    notTTYSchedule: 60_000,
  });
  bar.start(options.histories, 0);
  const reports = await runAll(bundle, options, {
    signal: interrupt.signal,
    onReport: ({ histories: more }) => bar.increment(more),
  });
  bar.stop();
  process.off('SIGINT', onInterrupt);
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const sum = (count: (report: BatchReport) => number) =>
    reports.reduce((total, report) => total + count(report), 0);
  const ran = sum((report) => report.histories);
  const violations = violationsIn(reports);

  const timesOf = (fault: Fault) => sum(({ injected }) => injected[fault] ?? 0);
  const faults = FAULT_NAMES.map((fault) => [fault, timesOf(fault), FAULTS[fault][1]]);
  print(table(['fault', 'injected', 'what it is'], faults));
  const checks = (Object.keys(CHECKS) as Check[]).map((check) => [
    check,
    sum((report) => report.checks[check] ?? 0),
    violations.filter((violation) => violation.check === check).length,
  ]);
  print(`\n${table(['check', 'made', 'violated'], checks)}\n`);
  print(
    `${ran.toLocaleString('en-US')} histories from seed ${options.seed}, ${sum((r) => r.uploads).toLocaleString('en-US')} uploads, ${sum((r) => r.calls).toLocaleString('en-US')} calls to AWS, ${Math.round(sum((r) => r.virtualMs) / 3_600_000).toLocaleString('en-US')} hours of virtual time`,
  );
  if (ran === 0) return 130;
  const cpuSeconds = sum((report) => report.cpuMs) / 1000;
  print(
    `${seconds.toFixed(1)} s in ${options.workers} process(es), ${Math.round(ran / seconds)} histories a second; ${cpuSeconds.toFixed(1)} s of processor time, ${Math.round(ran / cpuSeconds)} histories in each`,
  );
  for (const { seed, check, detail } of violations) {
    print(`\nVIOLATION in seed ${seed}: ${check}: ${detail}`);
    print(
      `npm run simulate -- --replay ${seed}${options.faults ? ` --faults '${options.faults.join(',') || 'none'}'` : ''}${options.jobs === undefined ? '' : ` --jobs ${options.jobs}`}${options.crowded ? ' --crowded' : ''}${options.hours ? ' --hours' : ''}`,
    );
  }
  if (violations.length > 0) return 1;
  return interrupt.signal.aborted ? 130 : 0;
}

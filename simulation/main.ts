import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import { DEFAULT_LINGER_SECONDS } from '../lifecycle/linger';
import { bundleSimulator } from './bundle';
import type { BatchReport, Comparison, CrashReport } from './batch';
import { CHECKS, type Check, type Violation } from './check-list';
import { inChild, type Obey, withChild } from './children';
import { FAULTS, FAULT_NAMES, type Fault } from './faults';
import { CATCHABLE, rememberSeed } from './mutants';
import { MUTATIONS, type Mutation } from './mutations';
import { spansOf } from './spans';
import { table } from './table';
import { economy } from './economy-report';
import type { Blow } from './wire';

interface Options {
  readonly histories: number;
  readonly seed: number;
  readonly faults?: Fault[];
  readonly jobs?: number;
  readonly crowded?: true;
  readonly keepGoing?: true;
  readonly workers: number;
  readonly replay?: number;
  readonly crashPoints?: true;
  readonly mutations?: true;
  readonly baseline?: true;
  readonly economy?: true;
  readonly workloads: number;
  readonly linger: number;
  readonly only?: string;
}

/** What a report counts, and what an interrupt loses. */
const HISTORIES_PER_ORDER = 500;
/** A process lasts so long: many times what its code needs to become fast, and what killed drains leave in node goes with it. */
const HISTORIES_PER_PROCESS = 25_000;

const program = new Command('simulate')
  .description('Runs the production code against a simulated AWS, on virtual time, from a seed')
  .option('--histories <n>', 'how many histories', wholeNumber, 1_000)
  .option('--seed <n>', 'the first seed; the next history has the next one', wholeNumber, 1)
  .option('--faults <list>', 'kinds of fault, separated by commas; "none"', faultList)
  .option('--jobs <n>', 'uploads a history, all at once', wholeNumber)
  .option('--crowded', 'dearer histories, which find rarer things: more uploads, longer')
  .option('--keep-going', 'does not end with the first violation, and lists them all')
  .option('--workers <n>', 'processes side by side', wholeNumber, 1)
  .option('--replay <seed>', "tells one history's story", wholeNumber)
  .option('--crash-points', 'strikes at every call of a history without faults')
  .option(
    '--mutations',
    'takes the rules away one by one, shows what misses them, keeps the seeds for the tests',
  )
  .option('--baseline', 'the plain chain beside ours, under the same seeds')
  .option('--economy', 'what on-time costs: always on, the plain chain, ours, a clairvoyant; without faults')
  .option('--workloads <n>', 'with --economy: how many, of all kinds together', wholeNumber, 10_000)
  .option('--linger <seconds>', 'with --economy: the tail', wholeNumber, DEFAULT_LINGER_SECONDS)
  .option('--only <text>', 'with --mutations or --economy: those whose name contains the text')
  .action(run);

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});

async function run(options: Options): Promise<void> {
  if (options.mutations) return mutations(options);
  const bundle = await bundleSimulator();
  if (options.replay !== undefined) return replay(bundle, options.replay, options);
  if (options.crashPoints) return crashPoints(bundle, options.seed);
  if (options.baseline) return baseline(bundle, options);
  if (options.economy) {
    const { linger: lingerSeconds, ...rest } = options;
    if (!(await economy(bundle, { ...rest, lingerSeconds }, print))) process.exitCode = 1;
    return;
  }
  return histories(bundle, options);
}

async function histories(bundle: string, options: Options): Promise<void> {
  const began = process.hrtime.bigint();
  const interrupt = new AbortController();
  const onInterrupt = () => {
    process.stderr.write('\nInterrupted: this is what has run so far.\n');
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
  if (interrupt.signal.aborted) process.exitCode = 130;
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const sum = (count: (report: BatchReport) => number) =>
    reports.reduce((total, report) => total + count(report), 0);
  const ran = sum((report) => report.histories);
  const violations = violationsIn(reports);

  const faults = FAULT_NAMES.map((fault) => [
    fault,
    sum(({ injected }) => injected[fault] ?? 0),
    FAULTS[fault][1],
  ]);
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
  if (ran === 0) return;
  const cpuSeconds = sum((report) => report.cpuMs) / 1000;
  print(
    `${seconds.toFixed(1)} s in ${options.workers} process(es), ${Math.round(ran / seconds)} histories a second; ${cpuSeconds.toFixed(1)} s of processor time, ${Math.round(ran / cpuSeconds)} histories in each`,
  );
  for (const { seed, check, detail } of violations) {
    print(`\nVIOLATION in seed ${seed}: ${check}: ${detail}`);
    print(
      `npm run simulate -- --replay ${seed}${options.faults ? ` --faults '${options.faults.join(',') || 'none'}'` : ''}${options.jobs === undefined ? '' : ` --jobs ${options.jobs}`}${options.crowded ? ' --crowded' : ''}`,
    );
    process.exitCode = 1;
  }
}

interface Watch {
  /** Ends the processes; what they have not answered is not among the reports. */
  readonly signal: AbortSignal;
  readonly onReport: (report: BatchReport) => void;
}

/** In order of seeds, side by side, until all have run or, unless it is to keep going, one has found a violation. */
async function runAll(bundle: string, options: Options, watch?: Watch): Promise<BatchReport[]> {
  const { faults, jobs, crowded, keepGoing, workers } = options;
  const reports: BatchReport[] = [];
  const spans = spansOf(options.seed, options.histories, HISTORIES_PER_ORDER);
  const isInterrupted = () => watch?.signal.aborted === true;
  const hasViolation = () => reports.some(({ violation }) => violation);
  const goesOn = () => spans.length > 0 && (keepGoing ?? !hasViolation()) && !isInterrupted();
  const oneProcess = async (obey: Obey) => {
    for (let ran = 0; ran < HISTORIES_PER_PROCESS && goesOn();) {
      const span = spans.shift();
      if (!span) return;
      const { firstSeed, count: histories } = span;
      const order = { firstSeed, histories, faults, jobs, crowded };
      const report = await obey<BatchReport>({ kind: 'batch', order });
      reports.push(report);
      watch?.onReport(report);
      ran += report.histories;
      // An order ends with its first violation.
      const count = histories - report.histories;
      if (count > 0) spans.unshift({ firstSeed: firstSeed + report.histories, count });
    }
  };
  const work = async () => {
    while (goesOn()) {
      await withChild(bundle, oneProcess, watch?.signal).catch((error: unknown) => {
        if (!isInterrupted()) throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return reports;
}

/** By their seeds. */
function violationsIn(reports: readonly BatchReport[]) {
  const violations = reports.flatMap(({ violation }) => (violation ? [violation] : []));
  return violations.sort((a, b) => a.seed - b.seed);
}

async function replay(bundle: string, seed: number, { faults, jobs, crowded }: Options): Promise<void> {
  const violation = await inChild<Violation | null>(bundle, { kind: 'replay', seed, faults, jobs, crowded });
  print(violation ? `\nVIOLATION: ${violation.check}: ${violation.detail}` : '\nno violation');
  if (violation) process.exitCode = 1;
}

const BLOWS: readonly Blow[] = ['crash before', 'crash after', 'answer lost', 'call failed', 'machine crash'];

async function crashPoints(bundle: string, seed: number): Promise<void> {
  for (const jobs of [1, 2]) {
    const reports = await inChild<CrashReport[]>(bundle, { kind: 'crash points', seed, jobs });
    const places = [...new Set(reports.map(({ place }) => place.replace('|', ': ')))].sort();
    const rows = places.map((place) => [
      place,
      ...BLOWS.map((blow) => {
        const struck = reports.filter(
          (report) => report.place.replace('|', ': ') === place && report.blow === blow,
        );
        const bad = struck.filter(({ violation }) => violation);
        return struck.length === 0
          ? ''
          : bad.length === 0
            ? `${struck.length} ok`
            : `${bad.length} of ${struck.length} BAD`;
      }),
    ]);
    const bad = reports.filter(({ violation }) => violation);
    print(`${jobs} job(s), seed ${seed}: ${reports.length} histories, ${bad.length} do not converge`);
    print(`${table(['call', ...BLOWS], rows)}\n`);
    for (const { call, blow, place, violation } of bad) {
      print(`call ${call} (${place}), ${blow}: ${violation?.check ?? ''}: ${violation?.detail ?? ''}`);
    }
    if (bad.length > 0) process.exitCode = 1;
  }
}

async function baseline(bundle: string, { seed, histories, faults, jobs }: Options): Promise<void> {
  const rows: (string | number)[][] = [];
  for (const [name, kinds] of [
    ['no faults', []],
    ['faults', faults],
  ] as const) {
    const order = { firstSeed: seed, histories, faults: kinds, jobs };
    const result = await inChild<{ plain: Comparison; ours: Comparison }>(bundle, {
      kind: 'comparison',
      order,
    });
    for (const [who, { taken, failed, lost, killed, onMs }] of [
      ['plain chain', result.plain],
      ['ours', result.ours],
    ] as const) {
      const results = taken - failed - lost;
      rows.push([name, who, taken, results, failed, lost, killed, Math.round(onMs / 3_600_000)]);
    }
  }
  const counts = ['uploads', 'results', 'failed', 'lost', 'runs killed by its stop', 'machine-hours on'];
  print(table(['', 'design', ...counts], rows));
  print(
    '\nfailed: the model exited with an error or left no file; ours also, when its time limit or its attempts were\nused up. Ours says why in a receipt, the plain chain tells nobody and leaves the instance on. lost: no end at all',
  );
}

async function mutations(options: Options): Promise<void> {
  const rows: (string | number)[][] = [];
  for (const mutation of MUTATIONS.filter(({ name }) => name.includes(options.only ?? ''))) {
    const row = await caught(mutation, options);
    rows.push(row);
    process.stderr.write(`${row.join(' | ')}\n`);
    if (row[2] !== '—') await rememberSeed(mutation, Number(row[2]));
  }
  print(table(['rule taken away', 'in', 'first seed', 'caught by'], rows));
  const missing = CATCHABLE.filter(({ name }) => rows.some((row) => row[0] === name && row[2] === '—'));
  if (missing.length > 0) process.exitCode = 1;
}

/** First the crash points, which are cheap and systematic, then histories. */
async function caught(mutation: Mutation, options: Options): Promise<(string | number)[]> {
  const bundle = await bundleSimulator(mutation);
  const faults = options.faults ?? mutation.faults;
  const reports = await runAll(bundle, {
    ...options,
    ...(mutation.crowded !== false && { crowded: true }),
    ...(faults && { faults: [...faults] }),
  });
  const violation = violationsIn(reports).at(0);
  return [
    mutation.name,
    mutation.file,
    violation ? String(violation.seed) : '—',
    violation?.check ?? 'NOTHING',
  ];
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('A whole number is needed.');
  return value;
}

function faultList(text: string): Fault[] {
  if (text === 'none') return [];
  return text.split(',').map((name) => {
    const fault = FAULT_NAMES.find((known) => known === name.trim());
    if (!fault) throw new InvalidArgumentError(`"${name}" is none of: ${FAULT_NAMES.join(', ')}.`);
    return fault;
  });
}

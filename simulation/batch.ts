import type { Check, Violation } from './check-list';
import { CALL_FAILURES, type CallFailure } from './crash-point';
import type { Fault } from './faults';
import { runHistory, type HistoryOptions } from './history';

/** The histories that a child process runs. */
export interface BatchTask extends Pick<
  HistoryOptions,
  'faults' | 'jobs' | 'crowded' | 'hours' | 'plainChain'
> {
  readonly firstSeed: number;
  readonly histories: number;
}

/** The sums over the histories of a task. */
export interface BatchReport {
  readonly histories: number;
  readonly injected: Partial<Record<Fault, number>>;
  readonly checks: Partial<Record<Check, number>>;
  readonly uploads: number;
  readonly calls: number;
  readonly virtualMs: number;
  /** Processor time of the histories, with garbage collection on other cores. In milliseconds. */
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly violation: SeededViolation | undefined;
}

export type SeededViolation = Violation & { readonly seed: number };

/** Runs histories one after the other, up to the first violation. */
export async function runBatch({ firstSeed, histories, ...options }: BatchTask): Promise<BatchReport> {
  // Production code creates thousands of errors here, and no code reads their stacks.
  Error.stackTraceLimit = 0;
  const injected: Partial<Record<Fault, number>> = {};
  const checks: Partial<Record<Check, number>> = {};
  const sums = { uploads: 0, calls: 0, virtualMs: 0 };
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const durations = () => {
    const { user, system } = process.cpuUsage(cpuBefore);
    return { cpuMs: (user + system) / 1000, wallMs: performance.now() - startedAt };
  };
  for (let index = 0; index < histories; index += 1) {
    const seed = firstSeed + index;
    const result = await runHistory({ ...options, seed, aimed: options.plainChain !== true });
    for (const [fault, count] of result.injected) injected[fault] = (injected[fault] ?? 0) + count;
    for (const [check, count] of result.checks) checks[check] = (checks[check] ?? 0) + count;
    sums.uploads += result.uploads;
    sums.calls += result.callsMade;
    sums.virtualMs += result.virtualMs;
    // Finalizers and messages run now.
    if (index % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
    if (result.violation) {
      const violation = { ...result.violation, seed };
      return { histories: index + 1, injected, checks, ...sums, ...durations(), violation };
    }
  }
  return { histories, injected, checks, ...sums, ...durations(), violation: undefined };
}

/** The result of one crash point. */
export interface CrashReport {
  readonly call: number;
  readonly failure: CallFailure;
  readonly place: string;
  readonly violation: Violation | undefined;
}

/** Runs a history without faults once for every failure at every call. */
export async function runCrashPoints(seed: number, jobs: number): Promise<CrashReport[]> {
  Error.stackTraceLimit = 0;
  const { calls = [] } = await runHistory({ seed, jobs, faults: [], listCalls: true });
  const reports: CrashReport[] = [];
  for (const [call, place] of calls.entries()) {
    for (const failure of CALL_FAILURES) {
      if (failure === 'machine crash' && !place.startsWith('drain')) continue;
      const { violation } = await runHistory({ seed, jobs, faults: [], crashPoint: { call, failure } });
      reports.push({ call, failure, place, violation });
    }
  }
  return reports;
}

/** The sums of the same histories under one of the two designs. */
interface Comparison {
  readonly accepted: number;
  /** Uploads whose model failed. Our design writes a receipt for each. */
  readonly failed: number;
  readonly lost: number;
  readonly killed: number;
  readonly onMs: number;
  /** The first violation. The plain chain is not checked. */
  readonly violation: SeededViolation | undefined;
}

export interface Comparisons {
  readonly plain: Comparison;
  readonly ours: Comparison;
}

export async function runComparison({ firstSeed, histories, ...options }: BatchTask): Promise<Comparisons> {
  Error.stackTraceLimit = 0;
  const sumUp = async (plainChain: boolean): Promise<Comparison> => {
    const sum = { accepted: 0, failed: 0, lost: 0, killed: 0, onMs: 0 };
    let violation: SeededViolation | undefined;
    for (let seed = firstSeed; seed < firstSeed + histories; seed += 1) {
      const result = await runHistory({ ...options, seed, plainChain, aimed: false });
      sum.accepted += result.accepted;
      sum.failed += result.failed;
      sum.lost += result.lost;
      sum.killed += result.killed;
      sum.onMs += result.onMs;
      if (result.violation) violation ??= { ...result.violation, seed };
    }
    return { ...sum, violation };
  };
  return { plain: await sumUp(true), ours: await sumUp(false) };
}

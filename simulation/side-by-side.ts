import type { BatchReport } from './batch';
import { type SendTask, withChild } from './children';
import type { Fault } from './faults';

/** Number of histories of one task. An interrupt loses at most one task per process. */
const HISTORIES_PER_TASK = 500;
/**
 * Number of histories of one process. Node compiles the code within a small part of them. What killed drains leave in
 * memory goes with the process.
 */
const HISTORIES_PER_PROCESS = 25_000;

export interface Run {
  readonly histories: number;
  /** The first seed. Each next history has the next seed. */
  readonly seed: number;
  readonly workers: number;
  readonly faults?: readonly Fault[] | undefined;
  readonly jobs?: number;
  readonly crowded?: boolean;
  readonly hours?: boolean;
  readonly keepGoing?: true;
}

interface RunControl {
  /** Ends the processes. Reports of unanswered tasks are missing from the result. */
  readonly signal: AbortSignal;
  readonly onReport: (report: BatchReport) => void;
}

/** Runs histories in the order of their seeds, in several processes, up to the first violation or with `keepGoing` all. */
export async function runAll(bundle: string, options: Run, control?: RunControl): Promise<BatchReport[]> {
  const { faults, jobs, crowded, hours, keepGoing, workers } = options;
  const reports: BatchReport[] = [];
  const spans = spansOf(options.seed, options.histories, HISTORIES_PER_TASK);
  const isInterrupted = () => control?.signal.aborted === true;
  const hasViolation = () => reports.some(({ violation }) => violation);
  const hasMore = () => spans.length > 0 && (keepGoing ?? !hasViolation()) && !isInterrupted();
  const oneProcess = async (sendTask: SendTask) => {
    for (let ran = 0; ran < HISTORIES_PER_PROCESS && hasMore();) {
      const span = spans.shift();
      if (!span) return;
      const { firstSeed, count: histories } = span;
      const task = { firstSeed, histories, faults, jobs, crowded, hours };
      const report = await sendTask<BatchReport>({ kind: 'batch', task });
      reports.push(report);
      control?.onReport(report);
      ran += report.histories;
      // A task ends with its first violation. The rest of its seeds becomes a new task.
      const count = histories - report.histories;
      if (count > 0) spans.unshift({ firstSeed: firstSeed + report.histories, count });
    }
  };
  const work = async () => {
    while (hasMore()) {
      await withChild(bundle, oneProcess, control?.signal).catch((error: unknown) => {
        if (!isInterrupted()) throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return reports;
}

/** The violations in the order of their seeds. */
export function violationsIn(reports: readonly BatchReport[]) {
  const violations = reports.flatMap(({ violation }) => (violation ? [violation] : []));
  return violations.sort((a, b) => a.seed - b.seed);
}

/** Divides `count` consecutive seeds from `firstSeed` into spans of at most `most` seeds. */
export function spansOf(firstSeed: number, count: number, most: number) {
  return Array.from({ length: Math.ceil(count / most) }, (_none, index) => {
    const before = index * most;
    return { firstSeed: firstSeed + before, count: Math.min(most, count - before) };
  });
}

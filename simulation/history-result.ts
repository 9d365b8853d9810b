import type { z } from 'zod';
import { SESSIONS_PREFIX, jobIdInReceiptKey } from '../lifecycle/job';
import { parseRecord, receiptSchema, sessionSchema, type Receipt, type Session } from '../lifecycle/records';
import type { RunningTime } from './billing';
import type { Check, Violation } from './check-list';
import type { WholeWorld } from './composition';
import type { Fault } from './faults';
import type { BucketName, SimS3 } from './s3';

/** The virtual time at which every history begins, in milliseconds since the epoch. */
export const BEGINNING = Date.parse('2026-01-01T00:00:00Z');

/** `onMs` counts up to this long after the faults are over, in milliseconds. */
const COUNTED_AFTER_FAULTS_MS = 3_600_000;

export interface HistoryResult {
  readonly violation: Violation | undefined;
  /** How often each fault struck. */
  readonly injected: ReadonlyMap<Fault, number>;
  /** How often each check was made. */
  readonly checks: ReadonlyMap<Check, number>;
  /** `kind|operation` of every call, with `listCalls`. */
  readonly calls: readonly string[] | undefined;
  readonly uploads: number;
  readonly virtualMs: number;
  readonly callsMade: number;
  /** Uploads that a model accepts. */
  readonly accepted: number;
  /** Accepted uploads whose job never ended. */
  readonly lost: number;
  /** Jobs that ended in failure. Our design writes a receipt for each. */
  readonly failed: number;
  /** Programs of models that a stop of ours killed. */
  readonly killed: number;
  /** How long the instance was on, up to one hour after the faults were over, in milliseconds. */
  readonly onMs: number;
  /** From EC2's acceptance of a start until the instance began to stop, in milliseconds since the epoch. */
  readonly onTimes: readonly RunningTime[];
  readonly sessions: () => Session[];
  readonly receipts: () => Receipt[];
  /** When the instance was `running`, in milliseconds from the history's beginning. */
  readonly running: readonly RunningTime[];
  /** When uploads arrived, in milliseconds from the history's beginning. */
  readonly arrivals: readonly number[];
}

/** Reads the result from the parts of a history that has ended. */
export function resultOf(world: WholeWorld): HistoryResult {
  const { timeline, faults, jobs, s3, instance, people, wire, checks } = world;
  const { onTimes } = instance;
  const accepted = people.uploads.filter((upload) => upload.accepted);
  const countedUntil = faults.overAt + COUNTED_AFTER_FAULTS_MS;
  return {
    violation: checks.violation,
    injected: faults.injected,
    checks: checks.made,
    calls: wire.calls,
    uploads: people.uploads.length,
    virtualMs: timeline.now - BEGINNING,
    callsMade: wire.callsMade,
    accepted: accepted.length,
    lost: accepted.filter(({ jobId }) => !jobs.hasEnded(jobId)).length,
    failed: jobs.failed,
    killed: checks.killed,
    onMs: onTimes.reduce((sum, { from, to }) => sum + Math.max(0, Math.min(to, countedUntil) - from), 0),
    onTimes,
    sessions: () => recordsIn(s3, 'control', (key) => key.startsWith(SESSIONS_PREFIX), sessionSchema),
    receipts: () => recordsIn(s3, 'output', (key) => jobIdInReceiptKey(key) !== undefined, receiptSchema),
    running: instance.running.map(({ from, to }) => ({ from: from - BEGINNING, to: to - BEGINNING })),
    arrivals: people.uploads.map(({ at }) => at - BEGINNING),
  };
}

function recordsIn<T>(
  s3: SimS3,
  bucket: BucketName,
  wanted: (key: string) => boolean,
  schema: z.core.$ZodType<T>,
): T[] {
  return s3
    .keys(bucket, '')
    .filter(wanted)
    .map((key) => parseRecord(schema, key, s3.peek(bucket, key)?.text ?? ''));
}

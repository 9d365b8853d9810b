import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { SESSIONS_PREFIX, jobIdInReceiptKey } from '../lifecycle/job';
import { DEFAULT_LINGER_SECONDS } from '../lifecycle/linger';
import { parseRecord, receiptSchema, sessionSchema, type Receipt, type Session } from '../lifecycle/records';
import type { RunningTime } from './billing';
import type { Check, Violation } from './check-list';
import { composeWorld } from './composition';
import type { CrashPoint } from './crash-point';
import { FAULT_NAMES, Faults, type Fault } from './faults';
import { Jobs } from './jobs';
import { Random } from './random';
import type { BucketName, SimS3 } from './s3';
import { MODEL_NAMES, SWEEP_MS, type SimModel, type WorldSettings } from './settings';
import { Timeline } from './timeline';
import { settingsFor, usedMachine } from './workload-settings';
import type { Workload } from './workloads';
import type { World } from './world';

export interface HistoryOptions {
  readonly seed: number;
  /** The kinds of fault that may be drawn. @default all */
  readonly faults?: readonly Fault[] | undefined;
  /** Uploads; with a number they come at once and nothing else is drawn about them. @default drawn */
  readonly jobs?: number | undefined;
  /** More uploads, more of them aimed, and longer: dearer histories that find rarer things. @default false */
  readonly crowded?: boolean | undefined;
  readonly crashPoint?: CrashPoint | undefined;
  readonly listCalls?: boolean;
  /** @default false */
  readonly plainChain?: boolean | undefined;
  /** Whether uploads come at the moments that hurt most, which differ between designs. @default true */
  readonly aimed?: boolean;
  /** Uploads, runs and starts that are given instead of drawn; then nothing else is, but the faults that are asked for. @default drawn */
  readonly workload?: Workload | undefined;
  /** With a workload. @default 0 */
  readonly lingerSeconds?: number;
  /** With a workload. @default 1 */
  readonly parallelJobs?: number;
  /** Told each line of the story. */
  readonly tell?: ((line: string) => void) | undefined;
}

export interface HistoryResult {
  readonly seed: number;
  readonly violation: Violation | undefined;
  readonly injected: ReadonlyMap<Fault, number>;
  readonly checks: ReadonlyMap<Check, number>;
  readonly calls: readonly string[] | undefined;
  readonly uploads: number;
  readonly virtualMs: number;
  readonly callsMade: number;
  readonly taken: number;
  /** Taken uploads that never came to an end. */
  readonly lost: number;
  /** Jobs that ended in failure: for ours, with a receipt that says so. */
  readonly failed: number;
  readonly killed: number;
  /** How long the instance was on, in milliseconds, an hour from when faults were over at most. */
  readonly onMs: number;
  /** When it was on: from EC2's taking of the start until it began to stop, in milliseconds since the epoch. */
  readonly onTimes: readonly RunningTime[];
  readonly sessions: () => Session[];
  readonly receipts: () => Receipt[];
  /** When it was `running`, from the history's beginning, in milliseconds. */
  readonly running: readonly RunningTime[];
  /** When uploads came, from the history's beginning, in milliseconds. */
  readonly arrivals: readonly number[];
}

export const BEGINNING = Date.parse('2026-01-01T00:00:00Z');

/** Lets one history happen, from its seed alone, and tells what was found. */
export async function runHistory(options: HistoryOptions): Promise<HistoryResult> {
  const { seed, jobs, workload } = options;
  const shape = new Random(seed, 1);
  const luck = new Random(seed, 2);
  const timeline = new Timeline(BEGINNING);
  const isSpot = options.faults?.includes('spot interruption') === true;
  const settings = workload
    ? settingsFor(workload, options.lingerSeconds ?? 0, options.parallelJobs ?? 1, isSpot)
    : drawSettings(shape, jobs !== undefined);
  const crowded = options.crowded === true;
  const minutes = crowded ? [3, 5, 8, 12, 30] : [1, 2, 3, 5, 12];
  const drawnEndMs = () => (jobs === undefined ? shape.pick(minutes) * 60_000 : 60_000);
  const overAt = BEGINNING + (workload?.jobs.at(-1)?.arrivesMs ?? drawnEndMs());
  const allowed = options.faults ?? (workload ? [] : FAULT_NAMES);
  const hasCrashPoint = options.crashPoint !== undefined;
  const faults = new Faults(timeline, luck, shape, allowed, overAt, hasCrashPoint, workload !== undefined);

  const shared: World = {
    timeline,
    luck,
    faults,
    settings,
    jobs: new Jobs(timeline),
    plainChain: options.plainChain === true,
    workload,
    tell: teller(options.tell, timeline),
  };
  const world = composeWorld(shared, options.crashPoint, options.listCalls === true);

  const which = `seed ${seed}${settings.isSpot ? ', a spot instance' : ''}`;
  world.tell?.('history', `${which}, faults: ${faults.names.join(', ') || 'none'}`);
  if (workload) {
    usedMachine(world.machine, settings);
    world.people.planWorkload(workload);
  } else {
    world.people.plan(shape, { count: jobs, aimed: options.aimed !== false, crowded });
  }
  world.functions.planSweep(shape.between(1_000, SWEEP_MS));
  await timeline.run();
  const taken = world.people.uploads.filter((upload) => upload.taken);
  return {
    seed,
    violation: world.checks.violation,
    injected: faults.injected,
    checks: world.checks.made,
    calls: world.wire.calls,
    uploads: world.people.uploads.length,
    virtualMs: timeline.now - BEGINNING,
    callsMade: world.wire.made,
    taken: taken.length,
    lost: taken.filter(({ jobId }) => !world.jobs.hasEnded(jobId)).length,
    failed: world.jobs.failed,
    killed: world.checks.killed,
    onMs: world.instance.onTimes.reduce(
      (sum, { from, to }) => sum + Math.max(0, Math.min(to, overAt + 3_600_000) - from),
      0,
    ),
    onTimes: world.instance.onTimes,
    sessions: () => recordsIn(world.s3, 'control', (key) => key.startsWith(SESSIONS_PREFIX), sessionSchema),
    receipts: () =>
      recordsIn(world.s3, 'output', (key) => jobIdInReceiptKey(key) !== undefined, receiptSchema),
    running: world.instance.running.map(({ from, to }) => ({ from: from - BEGINNING, to: to - BEGINNING })),
    arrivals: world.people.uploads.map(({ at }) => at - BEGINNING),
  };
}

function recordsIn<T>(
  s3: SimS3,
  bucket: BucketName,
  wanted: (key: string) => boolean,
  schema: z.ZodType<T>,
): T[] {
  return s3
    .keys(bucket, '')
    .filter(wanted)
    .map((key) => parseRecord(schema, key, s3.peek(bucket, key)?.text ?? ''));
}

/** The history's story, line by line, and the hash of all of it. */
export async function traceOf(
  options: Omit<HistoryOptions, 'tell'>,
): Promise<{ lines: string[]; hash: string }> {
  const lines: string[] = [];
  await runHistory({ ...options, tell: (line) => lines.push(line) });
  return { lines, hash: createHash('sha256').update(lines.join('\n')).digest('hex') };
}

function drawSettings(shape: Random, small: boolean): WorldSettings {
  const models = MODEL_NAMES.map((model): SimModel => ({
    ...model,
    maxAttempts: shape.pick([1, 2, 2, 3]),
    parallelJobs: small ? 1 : shape.pick([1, 1, 2]),
    retryOnFailure: shape.chance(0.5),
    timeLimitMinutes: shape.pick([1, 3, 8]),
    hasSetup: small || shape.chance(0.5),
    longestRunMs: small ? 30_000 : shape.pick([3_000, 5_000, 30_000, 120_000, 400_000]),
  }));
  return {
    models,
    leaseSeconds: 60,
    lingerSeconds: small ? DEFAULT_LINGER_SECONDS : shape.pick([0, 0, 30, 30, 90]),
    idleShutdownMinutes: shape.pick([10, 10, 10, 15]),
    slowestCallMs: small ? 60 : shape.pick([20, 60, 60, 400, 2_000]),
    listPage: shape.pick([1000, 1000, 2, 1]),
    versionsPage: shape.pick([1000, 1000, 2, 1]),
    isSpot: !small && shape.chance(0.5),
  };
}

function teller(tell: ((line: string) => void) | undefined, timeline: Timeline): World['tell'] {
  if (!tell) return undefined;
  return (who, what) => {
    const time = new Date(timeline.now).toISOString().slice(11, 23);
    // A key may hold an end of line.
    tell(`${time}  ${who.padEnd(12)} ${what.replaceAll('\n', '\\n')}`);
  };
}

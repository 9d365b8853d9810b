import { composeWorld, type WholeWorld } from './composition';
import type { CrashPoint } from './crash-point';
import { FAULT_NAMES, Faults, type Fault } from './faults';
import { BEGINNING, resultOf, type HistoryResult } from './history-result';
import { Jobs } from './jobs';
import { Random } from './random';
import { drawSettings, settingsFor, SWEEP_MS, type RunLength, type WorldSettings } from './settings';
import { Timeline } from './timeline';
import type { Workload } from './workloads';
import type { World } from './world';

export interface HistoryOptions {
  readonly seed: number;
  /** The kinds of fault that may be drawn. @default all */
  readonly faults?: readonly Fault[] | undefined;
  /** Number of uploads. With a number they come at once and nothing else is drawn about them. @default drawn */
  readonly jobs?: number | undefined;
  /** More uploads, more of them aimed, and longer: slower histories that find rarer faults. @default false */
  readonly crowded?: boolean | undefined;
  /** All models run for hours. @default in a few histories */
  readonly hours?: boolean | undefined;
  readonly crashPoint?: CrashPoint | undefined;
  readonly listCalls?: boolean;
  /** @default false */
  readonly plainChain?: boolean | undefined;
  /** Whether uploads come at the most dangerous moments, which differ between designs. @default true */
  readonly aimed?: boolean;
  /** Given uploads, runs and starts. All of `faults` can then strike, by default none. @default drawn */
  readonly workload?: Workload | undefined;
  /** Used with a workload. @default 0 */
  readonly lingerSeconds?: number;
  /** Used with a workload. @default 1 */
  readonly parallelJobs?: number;
  /** Ends the history at its first claim, with nothing checked about its end. @default false */
  readonly endsAtFirstClaim?: boolean;
  /** Called with each line of the story. */
  readonly onStoryLine?: ((line: string) => void) | undefined;
}

/** Share of histories whose models run for hours. Such a history takes as long as many others. */
const HOURS_SHARE = 1 / 200;

/** Share of histories whose faults last for 40 minutes. */
const LONG_FAULTS_SHARE = 1 / 20;

/** The seed of the history that began last, for the message of a process that ends in an error. */
export let currentSeed: number | undefined;

/** Runs one history, from its seed alone. */
export async function runHistory(options: HistoryOptions): Promise<HistoryResult> {
  const { seed } = options;
  currentSeed = seed;
  const shape = new Random(seed, 1);
  const shared = drawShared(options, shape);
  const world = composeWorld(shared, options.crashPoint, options.listCalls === true);
  const kind = world.settings.isSpot ? ', a spot instance' : '';
  world.narrate?.('history', `seed ${seed}${kind}, faults: ${world.faults.names.join(', ') || 'none'}`);
  planEvents(world, options, shape);
  if (options.endsAtFirstClaim === true) world.checks.onFirstClaim = () => world.timeline.end();
  await world.timeline.run();
  return resultOf(world);
}

/** Draws what all parts share. The order of the draws is part of a seed's history. */
function drawShared(options: HistoryOptions, shape: Random): World {
  const { seed, workload } = options;
  const timeline = new Timeline(BEGINNING);
  const luck = new Random(seed, 2);
  const runs = runLengthOf(options, shape);
  const settings = settingsOf(options, runs, shape);
  const overAt = BEGINNING + faultsEndMs(options, runs, shape);
  const allowed = options.faults ?? (workload ? [] : FAULT_NAMES);
  const kinds = { shape, allowed, choosesAll: workload !== undefined };
  const faults = new Faults(timeline, luck, overAt, options.crashPoint !== undefined, kinds);
  const jobs = new Jobs(timeline);
  const narrate = narrator(options.onStoryLine, timeline);
  return {
    timeline,
    luck,
    faults,
    settings,
    jobs,
    plainChain: options.plainChain === true,
    workload,
    narrate,
  };
}

function runLengthOf({ jobs, hours, workload }: HistoryOptions, shape: Random): RunLength {
  if (hours === true) return 'hours';
  if (jobs !== undefined || workload) return 'short';
  return shape.chance(HOURS_SHARE) ? 'hours' : 'drawn';
}

function settingsOf(options: HistoryOptions, runs: RunLength, shape: Random): WorldSettings {
  const { workload, lingerSeconds = 0, parallelJobs = 1, faults } = options;
  if (!workload) return drawSettings(shape, runs);
  return settingsFor(workload, lingerSeconds, parallelJobs, faults?.includes('spot interruption') === true);
}

/** When faults are over, in milliseconds from the history's beginning. */
function faultsEndMs({ workload, jobs, crowded }: HistoryOptions, runs: RunLength, shape: Random): number {
  const lastArrivalMs = workload?.jobs.at(-1)?.arrivesMs;
  if (lastArrivalMs !== undefined) return lastArrivalMs;
  if (jobs !== undefined) return 60_000;
  if (runs === 'hours') return shape.pick([30, 90, 240]) * 60_000;
  // Outages need time.
  if (shape.chance(LONG_FAULTS_SHARE)) return 40 * 60_000;
  return shape.pick(crowded === true ? [3, 5, 8, 12, 30] : [1, 2, 3, 5, 12]) * 60_000;
}

/** Plans the uploads, people's orders and the first sweep. All other events follow from these. */
function planEvents(world: WholeWorld, options: HistoryOptions, shape: Random): void {
  const { people, machine, functions, settings, workload } = world;
  if (workload) {
    // The machine has been brought up before, and the models are on its disk.
    machine.disk.broughtUp = true;
    for (const { digest } of settings.models) machine.disk.models.set(digest, { ready: true });
    people.planWorkload(workload);
  } else {
    const { jobs: count, aimed = true, crowded = false } = options;
    people.plan(shape, { count, aimed, crowded });
  }
  functions.planSweep(shape.between(1_000, SWEEP_MS));
}

function narrator(onStoryLine: HistoryOptions['onStoryLine'], timeline: Timeline): World['narrate'] {
  if (!onStoryLine) return undefined;
  return (who, what) => {
    const time = new Date(timeline.now).toISOString().slice(11, 23);
    // A key may contain an end of line.
    onStoryLine(`${time}  ${who.padEnd(12)} ${what.replaceAll('\n', '\\n')}`);
  };
}

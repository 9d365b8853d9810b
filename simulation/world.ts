import type { Faults } from './faults';
import type { Jobs } from './jobs';
import type { Random } from './random';
import type { WorldSettings } from './settings';
import type { Timeline } from './timeline';
import type { Workload } from './workloads';

/**
 * What every part of one simulated account shares. This file imports no part.
 *
 * The parts are in layers: S3, SSM and the instance; the machine; people and the functions; the wire; the checks. A part
 * imports parts of lower layers only. What it needs of the same layer or a higher one, it declares itself as a small
 * interface that extends this one, for example `S3World`. composition.ts makes all parts and puts them together.
 */
export interface World {
  readonly timeline: Timeline;
  /** Delays, and whether faults strike. */
  readonly luck: Random;
  readonly faults: Faults;
  readonly settings: WorldSettings;
  readonly jobs: Jobs;
  /** The original design runs instead of ours, for comparison; nothing is checked. */
  readonly plainChain: boolean;
  /** Uploads, runs and starts are given, not drawn as the history goes. */
  readonly workload: Workload | undefined;
  /** Present only when somebody reads along: building the lines costs more than all the rest. */
  readonly narrate: ((who: string, what: string) => void) | undefined;
}

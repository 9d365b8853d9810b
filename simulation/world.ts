import type { Faults } from './faults';
import type { Jobs } from './jobs';
import type { Random } from './random';
import type { WorldSettings } from './settings';
import type { Timeline } from './timeline';
import type { Workload } from './workloads';

/**
 * What all parts of one simulated account share. This file imports no part.
 *
 * The parts have an order: the instance, S3, SSM, a program, the host, the machine, people, the functions, the wire, the
 * checks. A part imports earlier parts only. A part that calls a later one declares what it needs as a small interface
 * which extends this one, for example `S3World`. composition.ts makes all parts and connects them.
 */
export interface World {
  readonly timeline: Timeline;
  /** Draws delays, and whether faults strike. See random.ts. */
  readonly luck: Random;
  readonly faults: Faults;
  readonly settings: WorldSettings;
  readonly jobs: Jobs;
  /** The plain chain runs in place of our design, for comparison. Nothing is checked. */
  readonly plainChain: boolean;
  /** Given uploads, runs and starts. Undefined if they are drawn. */
  readonly workload: Workload | undefined;
  /**
   * Adds a line to the story, the readable record of a history. Undefined unless a caller reads the story, because
   * building the lines costs more than all the rest.
   */
  readonly narrate: ((who: string, what: string) => void) | undefined;
}

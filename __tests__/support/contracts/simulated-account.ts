import { composeWorld, type WholeWorld } from '../../../simulation/composition';
import { Faults } from '../../../simulation/faults';
import { Jobs } from '../../../simulation/jobs';
import { SimProcess } from '../../../simulation/process';
import { Random } from '../../../simulation/random';
import { MODELS } from '../../../simulation/settings';
import { Timeline } from '../../../simulation/timeline';

/** Thrown by an action to pause the timeline. */
const PAUSE = new Error('pause');

/** Objects and versions on one page of S3, unless the call asks for fewer. */
const PAGE = 1_000;

/**
 * One simulated account without uploads, people, sweeps and faults, for calls from outside. The checks are off, because
 * the calls are none of the production code's.
 */
export class SimulatedAccount {
  readonly world: WholeWorld;
  /** An SDK client of any service. */
  readonly client: { send(command: object, options?: { abortSignal?: AbortSignal }): Promise<object> };

  constructor() {
    const timeline = new Timeline(Date.parse('2026-01-01T00:00:00.000Z'));
    const luck = new Random(1, 2);
    const shape = new Random(1, 1);
    const faults = new Faults(timeline, luck, 0, false, { shape, allowed: [], choosesAll: false });
    const settings = {
      models: MODELS.map((model) => ({
        ...model,
        maxAttempts: 2,
        maxInterruptions: 20,
        parallelJobs: 1,
        retryOnFailure: false,
        timeLimitMinutes: 2,
        hasSetup: false,
        longestRunMs: 1_000,
      })),
      leaseSeconds: 900,
      lingerSeconds: 0,
      idleShutdownMinutes: 10,
      slowestCallMs: 60,
      listPage: PAGE,
      versionsPage: PAGE,
      isSpot: true,
    };
    const shared = {
      timeline,
      luck,
      faults,
      settings,
      jobs: new Jobs(timeline),
      plainChain: true,
      workload: undefined,
      narrate: undefined,
    };
    this.world = composeWorld(shared, undefined, false);
    const client = this.world.wire.client(new SimProcess(timeline, 'trigger', 'contract', 0));
    this.client = {
      send: (command, options) => {
        // The simulator's page is a setting of the history, because production code asks for the longest page.
        const { MaxKeys, MaxResults } = (command as { input: { MaxKeys?: number; MaxResults?: number } })
          .input;
        const page = MaxKeys ?? MaxResults ?? PAGE;
        Object.assign(settings, { listPage: page, versionsPage: page });
        return this.until(client.send(command, options));
      },
    };
  }

  /** Runs the timeline for this time. */
  async advance(milliseconds: number): Promise<void> {
    this.world.timeline.after(milliseconds, pause);
    await this.run();
  }

  /** Runs the timeline until `holds`, for an hour at most. */
  async advanceUntil(holds: () => boolean): Promise<void> {
    for (let seconds = 0; !holds(); seconds += 1) {
      if (seconds === 3_600) throw new Error('not within an hour of the simulated cloud');
      await this.advance(1_000);
    }
  }

  private async until<T>(answer: Promise<T>): Promise<T> {
    const stop = () => void this.world.timeline.after(0, pause);
    answer.then(stop, stop);
    await this.run();
    return answer;
  }

  private async run(): Promise<void> {
    try {
      await this.world.timeline.run();
    } catch (error) {
      if (error !== PAUSE) throw error;
    }
  }
}

function pause(): void {
  throw PAUSE;
}

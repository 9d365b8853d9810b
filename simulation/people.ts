import { HOLD_TAG, PAUSE_TAG } from '../lifecycle/instance';
import { jobIdOf } from '../lifecycle/job';
import { modelFor } from '../lifecycle/model';
import type { Fault } from './faults';
import type { SimInstance } from './instance';
import type { Random } from './random';
import type { SimS3 } from './s3';
import { MODELS, type SimModel } from './settings';
import type { World } from './world';
import type { Workload, WorkloadJob } from './workloads';

interface Upload {
  readonly key: string;
  readonly jobId: string;
  readonly at: number;
  readonly accepted: boolean;
}

/** What people need of the other parts. */
interface PeoplesWorld extends World {
  readonly s3: Pick<SimS3, 'upload'>;
  readonly instance: SimInstance;
  readonly functions: { uploaded(key: string, versionId: string, soon: boolean): void };
  readonly checks: { checkAndEndIfQuiet(): void };
}

/** Keys that a model accepts. Some contain characters that are special in a shell or a path. */
const ACCEPTED_KEYS = [
  'a.csv',
  'a.csv',
  'a.csv',
  'b c.csv',
  'deep/ä+1.csv',
  'second/x.csv',
  'second/y.csv',
  '$(touch x)`y`;.csv',
  'a/../b c.csv',
  'second/one\ntwo "three" \'four\'.csv',
];

const KEYS = [...ACCEPTED_KEYS, 'notes.txt', 'deep/'];

/** Period in which a person checks for a pause, in milliseconds. */
const RESUME_MS = 3_600_000;

interface Plan {
  /** The number of uploads. @default drawn */
  readonly count: number | undefined;
  /** Whether some uploads come at the most dangerous moments. */
  readonly aimed: boolean;
  readonly crowded: boolean;
}

/** People who upload, hold, pause, start and stop. When the faults are over, they remove every hold and pause. */
export class People {
  readonly uploads: Upload[] = [];
  /** How often a person removed the breaker's pause after the faults were over. */
  pausesRemoved = 0;
  private aimedLeft = 0;

  constructor(private readonly world: PeoplesWorld) {}

  /** Draws the uploads and orders of a history. */
  plan(shape: Random, { count, aimed, crowded }: Plan): void {
    const { faults, timeline } = this.world;
    const window = (faults.overAt - timeline.now) * 0.9;
    const uploads = count ?? shape.pick(crowded ? [1, 1, 1, 2, 2, 3, 5] : [1, 1, 1, 1, 1, 1, 2, 2, 4]);
    if (count === undefined) this.aimedLeft = shape.pick(crowded ? [0, 1, 1, 2] : [0, 0, 0, 1, 1]);
    if (!aimed) this.aimedLeft = 0;
    const pattern = count === undefined ? shape.pick(['burst', 'spread', 'spread', 'bursts']) : 'burst';
    let around = count === undefined ? shape.between(0, window) : 5_000;
    for (let index = 0; index < uploads; index += 1) {
      if (pattern === 'spread' || (pattern === 'bursts' && shape.chance(0.5)))
        around = shape.between(0, window);
      const key = count === undefined ? shape.pick(KEYS) : `job-${index}.csv`;
      timeline.after(around + shape.spread(1, 3_000), () => this.upload(key, false));
    }
    this.planOrder(shape, window, HOLD_TAG, 'person holds');
    this.planOrder(shape, window, PAUSE_TAG, 'person pauses');
    if (faults.has('person starts it')) this.planStart(shape.spread(10_000, 600_000));
    timeline.after(faults.overAt - timeline.now, () => this.takeBackOrders());
  }

  /** Plans the uploads of a given workload. */
  planWorkload({ jobs, chaseMs }: Workload): void {
    const { timeline, faults } = this.world;
    const planned = chaseMs === undefined ? jobs : jobs.slice(0, 1);
    planned.forEach(({ arrivesMs }, index) => {
      timeline.after(arrivesMs, () => this.upload(`job-${index}.csv`, false));
    });
    if (!faults.none) this.planResume();
    timeline.after(faults.overAt - timeline.now, () => this.takeBackOrders());
  }

  /** The job of the given workload that belongs to the upload. */
  jobOf(jobId: string): WorkloadJob | undefined {
    const { workload } = this.world;
    return workload?.jobs[this.uploads.findIndex((upload) => upload.jobId === jobId)];
  }

  /** The model that accepted the upload of this job. */
  modelOf(jobId: string): SimModel | undefined {
    const { settings } = this.world;
    const key = this.uploads.find((upload) => upload.jobId === jobId)?.key;
    const found = key === undefined ? undefined : modelFor({ key }, MODELS);
    return settings.models.find(({ name }) => name === found?.name);
  }

  /**
   * The job of the given workload for which the instance starts now: the first without a receipt. The plain chain
   * does not start for a lost upload, so its job is the latest.
   */
  nextJob(): WorkloadJob | undefined {
    const { workload, jobs, plainChain } = this.world;
    const latest = this.uploads.length - 1;
    const first = plainChain ? latest : this.uploads.findIndex(({ jobId }) => !jobs.hasReceipt(jobId));
    return workload?.jobs[first === -1 ? latest : first];
  }

  /** Called when the instance begins to stop. In a chase, the next upload follows. */
  instanceStops(): void {
    const { workload, timeline } = this.world;
    const index = this.uploads.length;
    if (workload?.chaseMs === undefined || index >= workload.jobs.length) return;
    timeline.after(workload.chaseMs, () => this.upload(`job-${index}.csv`, false));
  }

  /** Called at the most dangerous moments for an upload. May plan one. */
  aimUpload(): void {
    const { luck, timeline } = this.world;
    if (this.aimedLeft === 0 || !luck.chance(0.3)) return;
    this.aimedLeft -= 1;
    const key = luck.pick(ACCEPTED_KEYS);
    timeline.after(luck.spread(1, 1_000), () => this.upload(key, true));
  }

  private upload(key: string, aimed: boolean): void {
    const { s3, timeline, functions } = this.world;
    const versionId = s3.upload(key);
    const jobId = jobIdOf({ bucket: 'data', key, versionId });
    const accepted = modelFor({ key }, MODELS) !== undefined;
    this.uploads.push({ key, jobId, at: timeline.now, accepted });
    this.world.narrate?.('a person', `uploads ${key}, job ${jobId.slice(0, 6)}${aimed ? ', aimed' : ''}`);
    functions.uploaded(key, versionId, aimed);
  }

  private planOrder(shape: Random, window: number, tag: string, fault: Fault): void {
    if (!this.world.faults.has(fault)) return;
    const { timeline, instance, faults } = this.world;
    const from = shape.between(0, window);
    timeline.after(from, () => {
      faults.count(fault);
      this.world.narrate?.('a person', `sets ${tag}`);
      instance.tag(tag, 'somebody');
    });
    timeline.after(shape.between(from, window), () => {
      this.world.narrate?.('a person', `removes ${tag}`);
      instance.tag(tag, undefined);
    });
  }

  /** A person resumes a paused pipeline once an hour, because a month cannot wait until its faults are over. */
  private planResume(): void {
    const { timeline, instance, faults } = this.world;
    timeline.after(RESUME_MS, () => {
      if (faults.over) return;
      if (instance.paused) this.resume();
      this.planResume();
    });
  }

  private planStart(delay: number): void {
    const { timeline, instance, faults } = this.world;
    timeline.after(delay, () => {
      if (faults.over) return;
      if (instance.state === 'stopped' && faults.strikes('person starts it')) {
        this.world.narrate?.('a person', 'starts the instance');
        try {
          instance.start('people');
        } catch {
          // EC2 has no capacity or has interrupted the instance. A person sees that error, too.
        }
      }
      this.planStart(600_000);
    });
  }

  /** Called once a minute after the faults are over. Removes the hold and the pause. */
  private takeBackOrders(): void {
    const { timeline, instance, checks } = this.world;
    if (instance.held) instance.tag(HOLD_TAG, undefined);
    if (instance.paused) {
      this.pausesRemoved += 1;
      this.resume();
    }
    checks.checkAndEndIfQuiet();
    timeline.after(60_000, () => this.takeBackOrders());
  }

  private resume(): void {
    this.world.narrate?.('a person', 'resumes: removes lamplighter:pause');
    this.world.instance.tag(PAUSE_TAG, undefined);
  }
}

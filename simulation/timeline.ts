/** Something that happens at a virtual moment, unless it is cancelled before. */
interface Moment {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
  cancelled: boolean;
}

/** Virtual time: what is to action, in the order of its moments; equal moments in the order of their planning. */
export class Timeline {
  private readonly heap: Moment[] = [];
  private planned = 0;
  private codeResumed = false;
  private ended = false;

  constructor(public now: number) {}

  after(milliseconds: number, action: () => void): Moment {
    const moment = { at: this.now + milliseconds, order: this.planned, action, cancelled: false };
    this.planned += 1;
    this.push(moment);
    return moment;
  }

  /** To be called by whatever lets production code go on: the next moment waits until that code has come to rest. */
  markCodeResumed(): void {
    this.codeResumed = true;
  }

  end(): void {
    this.ended = true;
  }

  /** Lets one moment after the other action, until the end. Throws what a moment throws. */
  async run(): Promise<void> {
    while (!this.ended) {
      const moment = this.pop();
      if (!moment) return;
      if (moment.cancelled) continue;
      this.now = moment.at;
      moment.action();
      if (this.codeResumed) {
        this.codeResumed = false;
        await codeIdle();
      }
    }
  }

  private push(moment: Moment): void {
    const { heap } = this;
    let index = heap.length;
    heap.push(moment);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(moment, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = moment;
  }

  private pop(): Moment | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      let below = heap[child];
      if (below === undefined) break;
      const other = heap[child + 1];
      if (other !== undefined && isBefore(other, below)) {
        child += 1;
        below = other;
      }
      if (!isBefore(below, last)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(one: Moment, other: Moment): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/**
 * Everything simulated is resolved at a moment, so once microtasks and ticks have run out nothing moves any more. A tick
 * comes when the microtasks have run out (and costs no system call, as an immediate does); the second one is for what
 * streams put off to a tick themselves.
 */
async function codeIdle(): Promise<void> {
  await new Promise<void>((resolve) => process.nextTick(resolve));
  await new Promise<void>((resolve) => process.nextTick(resolve));
}

/** A planned action at a virtual time. A cancelled one is skipped. */
interface Moment {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
  cancelled: boolean;
}

/**
 * Virtual time. Runs planned actions in the order of their times. Actions of equal times run in the order of their
 * planning.
 */
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

  /**
   * Must be called by all code that resolves or rejects a promise of production code. The next action then waits
   * until production code is idle.
   */
  markCodeResumed(): void {
    this.codeResumed = true;
  }

  end(): void {
    this.ended = true;
  }

  /** Runs one action after the other, until the end. Throws the error of an action. */
  async run(): Promise<void> {
    while (!this.ended) {
      const moment = this.pop();
      if (!moment) return;
      if (moment.cancelled) continue;
      this.now = moment.at;
      moment.action();
      if (this.codeResumed) {
        this.codeResumed = false;
        await untilCodeIdle();
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
 * Resolves when production code waits for the next action. All its promises are resolved by actions, so it is idle
 * when no microtask and no tick is left.
 *
 * A tick runs when the microtasks have ended. Unlike an immediate, it costs no system call. The second tick is for
 * streams, which defer work to a tick themselves.
 */
async function untilCodeIdle(): Promise<void> {
  await new Promise<void>((resolve) => process.nextTick(resolve));
  await new Promise<void>((resolve) => process.nextTick(resolve));
}

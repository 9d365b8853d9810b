import { DRAIN_STATUS_KEY, OPEN_PREFIX, RESULTS_PREFIX } from '../../../lifecycle/job';
import type { ListedObject } from '../../../lifecycle/store';
import type { ListedLedger } from './listed-ledger';
import { ListedRecords, type Records } from './listed-records';

const PAGE = 1_000;

/** Looks after which the results are listed again although the ledger shows no end of a job. */
const MOST_LOOKS = 100;

/**
 * The results as one listing showed them. They are many, so they are listed again only if a job may have ended: the drain has
 * left a trace, or a job is not open any more. `n` requests of a listing are spread over `n` looks.
 */
export class ListedResults extends ListedRecords {
  private open: readonly string[] = [];
  private trace: string | undefined;
  private hasNews = true;
  private looks = 0;
  private nextLook = 0;

  /** @param most number of names that are listed at most */
  constructor(
    private readonly output: Records,
    private readonly ledger: ListedLedger,
    private readonly most: number,
  ) {
    super(output);
  }

  /** Call it after each refresh of the ledger. */
  async refresh(): Promise<void> {
    this.hasNews = (await this.mayHaveEnded()) || this.hasNews;
    this.looks += 1;
    if (this.looks < this.nextLook || (!this.hasNews && this.looks < this.nextLook + MOST_LOOKS)) return;
    this.hasNews = false;
    const objects: ListedObject[] = [];
    for await (const object of this.output.list(RESULTS_PREFIX)) {
      objects.push(object);
      // One more than `most`, so that a reading sees that there are more.
      if (objects.length > this.most) break;
    }
    this.show(objects);
    this.nextLook = this.looks + Math.max(1, Math.ceil(objects.length / PAGE));
  }

  private async mayHaveEnded(): Promise<boolean> {
    const { open, trace, ledger } = this;
    this.trace = ledger.etagOf(DRAIN_STATUS_KEY);
    const stillOpen: string[] = [];
    for await (const { key } of ledger.list(OPEN_PREFIX)) stillOpen.push(key);
    this.open = stillOpen;
    return this.trace !== trace || open.some((key) => !ledger.has(key));
  }
}

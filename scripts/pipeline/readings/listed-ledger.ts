import { SESSIONS_PREFIX } from '../../../lifecycle/job';
import type { ListedObject } from '../../../lifecycle/store';
import { ListedRecords, type Records } from './listed-records';

interface LedgerBounds {
  /** Number of names below one prefix after which a page's end leaves out the rest of them. @default all */
  readonly most?: number;
  /** The first session that is wanted. Older ones may be left out. @default none is wanted */
  readonly sessionsFrom?: () => string;
}

/** Names that S3 lists in one request. https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
const PAGE = 1_000;

/** The records from `stops/` on are for drains only. */
const END = 'stops/';

/**
 * The control bucket as one listing showed it. The listing has no prefix, so one request shows the open jobs, their progress,
 * the gate and the drain's trace, as long as there are not more than 1,000 names.
 */
export class ListedLedger extends ListedRecords {
  private listedPages = 0;

  constructor(
    private readonly control: Records,
    private readonly bounds: LedgerBounds = {},
  ) {
    super(control);
  }

  /** Requests of the last listing. */
  get pages(): number {
    return this.listedPages;
  }

  async refresh(): Promise<void> {
    const objects: ListedObject[] = [];
    this.listedPages = 0;
    let after: string | undefined = '';
    while (after !== undefined) after = await this.listAfter(after, objects);
    this.show(objects);
  }

  /** Lists to the end, or to a page's end behind which names are left out. Returns the key after which to go on. */
  private async listAfter(after: string, objects: ListedObject[]): Promise<string | undefined> {
    const counts = new Map<string, number>();
    let names = 0;
    this.listedPages += 1;
    for await (const object of this.control.list('', after === '' ? undefined : after)) {
      if (names === PAGE) {
        names = 0;
        this.listedPages += 1;
      }
      if (object.key >= END) return undefined;
      objects.push(object);
      names += 1;
      const prefix = object.key.slice(0, object.key.indexOf('/') + 1);
      const count = (counts.get(prefix) ?? 0) + 1;
      counts.set(prefix, count);
      const next = names === PAGE ? this.nextAfter(object.key, prefix, count) : undefined;
      if (next !== undefined) return next;
    }
    return undefined;
  }

  /** Undefined: the next page is wanted. */
  private nextAfter(key: string, prefix: string, count: number): string | undefined {
    const end = `${prefix.slice(0, -1)}0`; // `0` comes after `/`.
    if (prefix === SESSIONS_PREFIX) {
      const from = this.bounds.sessionsFrom?.() ?? end;
      if (key < from) return from;
    }
    return count > (this.bounds.most ?? Infinity) ? end : undefined;
  }
}

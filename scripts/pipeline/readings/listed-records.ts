import type { z } from 'zod';
import { InvalidInputError } from '../../../lifecycle/errors';
import type { ListedObject, Store, Stored } from '../../../lifecycle/store';

/** The part of a Store that readings need. */
export type Records = Pick<Store, 'get' | 'list'>;

/**
 * A bucket as its last listing showed it. A reading that is repeated costs the listing, and a request for each object that has
 * changed since:
 *
 * - an object that the listing does not show does not exist;
 * - an object whose ETag has not changed is not read again.
 */
export class ListedRecords implements Records {
  private listed = new Map<string, ListedObject>();
  private readonly read = new Map<string, Answer>();

  constructor(private readonly store: Records) {}

  /** Replaces the listing. Its objects are in the order of their keys. */
  show(listing: Iterable<ListedObject>): void {
    this.listed = new Map([...listing].map((object) => [object.key, object]));
    for (const key of this.read.keys()) if (!this.listed.has(key)) this.read.delete(key);
  }

  has(key: string): boolean {
    return this.listed.has(key);
  }

  /** Undefined: there is no such object. */
  etagOf(key: string): string | undefined {
    return this.listed.get(key)?.etag;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- a listing of S3 is asynchronous
  async *list(prefix: string, after = ''): AsyncGenerator<ListedObject> {
    for (const object of this.listed.values()) {
      if (object.key.startsWith(prefix) && object.key > after) yield object;
    }
  }

  /** Throws InvalidInputError, as a Store does, if the object does not match the schema. */
  async get<T>(key: string, schema: z.core.$ZodType<T>): Promise<Stored<T> | undefined> {
    const etag = this.etagOf(key);
    if (etag === undefined) return undefined;
    const known = this.read.get(key);
    if (known?.etag === etag && etag !== '') return known.stored() as Stored<T>;
    try {
      const stored = await this.store.get(key, schema);
      // The object may have changed since the listing. The next listing then shows another ETag than this one.
      if (stored) this.read.set(key, { etag, stored: () => stored });
      return stored;
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      const refused = error;
      this.read.set(key, {
        etag,
        stored: () => {
          throw refused;
        },
      });
      throw error;
    }
  }
}

/** What a read of an object gave. */
interface Answer {
  readonly etag: string;
  /** Throws what the read threw. */
  readonly stored: () => unknown;
}

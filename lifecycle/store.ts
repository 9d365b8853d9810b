import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { randomUUID } from 'node:crypto';
import type * as z from 'zod/mini';
import { ConflictError, InvalidInputError, NewerVersionError, awsCodeOf, httpStatusOf } from './errors';
import { decodeKey } from './job';
import { parseRecord } from './records';

/** S3 metadata of an object: names in lower case, values in ASCII. */
export type Metadata = Readonly<Record<string, string>>;

/** A record and the ETag that a compare-and-set needs. */
export interface Stored<T> {
  readonly record: T;
  readonly etag: string;
  readonly metadata: Metadata;
  /** By the clock of S3. Undefined: this process has just written it. */
  readonly lastModified?: Date | undefined;
}

/** A record as it was read. */
export interface Reading<T> {
  /** Undefined: there is no object, or the object is unreadable. */
  readonly record: T | undefined;
  /** Undefined: there is no object. */
  readonly etag: string | undefined;
  /** Empty if there is no object. */
  readonly metadata: Metadata;
  /** By the clock of S3. Undefined: there is no object. */
  readonly lastModified: Date | undefined;
  /** True: the object is of a newer release, which alone may change or delete it. */
  readonly isNewer: boolean;
}

type Condition = Pick<PutObjectCommandInput, 'IfMatch' | 'IfNoneMatch'>;

export interface ListedObject {
  readonly key: string;
  readonly etag: string;
  readonly lastModified: Date | undefined;
}

/** Maximum tries of a conditional write. S3 answers 409 while another conditional write of the same key is under way. */
const CONFLICT_TRIES = 5;

/**
 * Records in one bucket, with S3's conditional writes.
 *
 * N1: every conditional write carries a fresh nonce. If the answer to a PUT is lost, the SDK retries the PUT, and the retry
 * finds the first try's success as a 412. `Store` then reads the object back and recognises its own write.
 */
export class Store {
  constructor(
    private readonly s3: S3Client,
    readonly bucket: string,
  ) {}

  /** Returns undefined if there is no object. Throws InvalidInputError if the object does not match the schema. */
  async get<T>(key: string, schema: z.core.$ZodType<T>): Promise<Stored<T> | undefined> {
    const stored = await this.getText(key);
    if (!stored) return undefined;
    const { text, ...about } = stored;
    return { record: parseRecord(schema, `s3://${this.bucket}/${key}`, text), ...about };
  }

  /** Like `get`, but returns an object that does not match the schema as unreadable. */
  async read<T>(key: string, schema: z.core.$ZodType<T>): Promise<Reading<T>> {
    const stored = await this.getText(key);
    if (!stored) {
      return { record: undefined, etag: undefined, metadata: {}, lastModified: undefined, isNewer: false };
    }
    const { text, etag, metadata, lastModified } = stored;
    const about = { etag, metadata, lastModified };
    try {
      return { record: parseRecord(schema, `s3://${this.bucket}/${key}`, text), ...about, isNewer: false };
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      return { record: undefined, ...about, isNewer: error instanceof NewerVersionError };
    }
  }

  private async getText(key: string) {
    try {
      const answer = await this.s3.send(new GetObjectCommand({ Bucket: this.bucket, Key: key }));
      return {
        text: (await answer.Body?.transformToString()) ?? '',
        etag: answer.ETag ?? '',
        metadata: answer.Metadata ?? {},
        lastModified: answer.LastModified,
      };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async exists(key: string): Promise<boolean> {
    try {
      await this.s3.send(new HeadObjectCommand({ Bucket: this.bucket, Key: key }));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** Creates the record. Returns false if another writer's object exists. */
  async create(key: string, record: object, metadata?: Metadata): Promise<boolean> {
    // N2
    return (await this.putIf(key, record, { IfNoneMatch: '*' }, metadata)) !== undefined;
  }

  /**
   * Replaces the record by compare-and-set. Throws ConflictError if the object's ETag is not `etag`.
   * @param etag undefined: there is no object yet, and `replace` creates it
   */
  async replace<T extends { nonce: string }>(
    key: string,
    record: Omit<T, 'nonce'>,
    etag: string | undefined,
    metadata?: Metadata,
  ): Promise<Stored<T>> {
    // N3
    const condition = etag === undefined ? { IfNoneMatch: '*' } : { IfMatch: etag };
    const written = await this.putIf(key, record, condition, metadata);
    if (!written) throw new ConflictError(`another writer changed s3://${this.bucket}/${key}`);
    return { record: written.record as T, etag: written.etag, metadata: metadata ?? {} };
  }

  /** Writes the record without a condition: the last writer wins. */
  async overwrite(key: string, record: object): Promise<void> {
    await this.put(key, JSON.stringify(record));
  }

  /** Deletes the object. No effect if there is none. */
  async delete(key: string): Promise<void> {
    await this.s3.send(new DeleteObjectCommand({ Bucket: this.bucket, Key: key }));
  }

  /**
   * The names directly below a prefix that ends in `/`: `receipt.json` is an object, `attempt-1/` has objects below it.
   */
  async names(prefix: string): Promise<string[]> {
    const names: string[] = [];
    // Without the encoding S3 answers control characters in keys as they are, and XML cannot hold them.
    for await (const page of this.pages({ Prefix: prefix, Delimiter: '/', EncodingType: 'url' })) {
      const paths = [
        ...(page.Contents ?? []).map(({ Key }) => Key),
        ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
      ];
      for (const path of paths) if (path !== undefined) names.push(decodeKey(path).slice(prefix.length));
    }
    return names;
  }

  /** Lists the objects below a prefix, in pages of at most 1,000. With `after`, only keys that come after that key. */
  async *list(prefix: string, after?: string): AsyncGenerator<ListedObject> {
    for await (const page of this.pages({
      Prefix: prefix,
      ...(after !== undefined && { StartAfter: after }),
    })) {
      for (const { Key, ETag, LastModified } of page.Contents ?? []) {
        if (Key !== undefined) yield { key: Key, etag: ETag ?? '', lastModified: LastModified };
      }
    }
  }

  private async *pages(
    query: Omit<ListObjectsV2CommandInput, 'Bucket' | 'ContinuationToken'>,
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    let token: string | undefined;
    do {
      const page = await this.s3.send(
        new ListObjectsV2Command({ Bucket: this.bucket, ...query, ContinuationToken: token }),
      );
      yield page;
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  /** Writes with a condition. Returns undefined if the condition failed and the object is not this call's own write. */
  private async putIf(key: string, record: object, condition: Condition, metadata?: Metadata) {
    const withNonce = { ...record, nonce: randomUUID() };
    const text = JSON.stringify(withNonce);
    for (let tries = 1; ; tries += 1) {
      try {
        const answer = await this.put(key, text, { ...condition, ...(metadata && { Metadata: metadata }) });
        return { record: withNonce, etag: answer.ETag ?? '' };
      } catch (error) {
        if (httpStatusOf(error) === 409 && tries < CONFLICT_TRIES) continue;
        if (httpStatusOf(error) !== 412 && !isMissing(error)) throw error;
        const present = await this.getText(key);
        return present?.text === text ? { record: withNonce, etag: present.etag } : undefined;
      }
    }
  }

  private put(key: string, text: string, more?: Partial<PutObjectCommandInput>) {
    const target = { Bucket: this.bucket, Key: key, ContentType: 'application/json' };
    return this.s3.send(new PutObjectCommand({ ...target, Body: text, ...more }));
  }
}

function isMissing(error: unknown): boolean {
  return awsCodeOf(error) === 'NoSuchKey' || awsCodeOf(error) === 'NotFound' || httpStatusOf(error) === 404;
}

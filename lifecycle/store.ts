import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { ConflictError, awsCodeOf, httpStatusOf } from './errors';
import { parseRecord } from './records';

/** A record and the ETag that a compare-and-set needs. */
export interface Stored<T> {
  readonly record: T;
  readonly etag: string;
}

/** An object's text, not yet parsed. */
export interface StoredText {
  readonly text: string;
  readonly etag: string;
}

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
 * Every conditional write carries a fresh nonce. If the answer to a PUT is lost, the SDK retries the PUT, and the retry
 * finds the first try's success as a 412. `Store` then reads the object back and recognises its own write.
 */
export class Store {
  constructor(
    private readonly s3: S3Client,
    readonly bucket: string,
    private readonly newNonce: () => string = randomUUID,
  ) {}

  /** Returns undefined if there is no object. Throws InvalidInputError if the object does not match the schema. */
  async get<T>(key: string, schema: z.ZodType<T>): Promise<Stored<T> | undefined> {
    const stored = await this.getText(key);
    return (
      stored && { record: parseRecord(schema, `s3://${this.bucket}/${key}`, stored.text), etag: stored.etag }
    );
  }

  async getText(key: string): Promise<StoredText | undefined> {
    try {
      const answer = await this.s3.send(new GetObjectCommand({ Bucket: this.bucket, Key: key }));
      return { text: (await answer.Body?.transformToString()) ?? '', etag: answer.ETag ?? '' };
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
  async create(key: string, record: object): Promise<boolean> {
    return (await this.putIf(key, record, { IfNoneMatch: '*' })) !== undefined;
  }

  /** Creates the record and returns it as stored. Throws ConflictError if another writer's object exists. */
  async createStored<T extends { nonce: string }>(key: string, record: Omit<T, 'nonce'>): Promise<Stored<T>> {
    return this.storedOrConflict<T>(key, await this.putIf(key, record, { IfNoneMatch: '*' }));
  }

  /** Replaces the record by compare-and-set. Throws ConflictError if the object's ETag is not `etag`. */
  async replace<T extends { nonce: string }>(
    key: string,
    record: Omit<T, 'nonce'>,
    etag: string,
  ): Promise<Stored<T>> {
    return this.storedOrConflict<T>(key, await this.putIf(key, record, { IfMatch: etag }));
  }

  /** Writes the record without a condition: the last writer wins. */
  async overwrite(key: string, record: object): Promise<void> {
    await this.s3.send(put(this.bucket, key, JSON.stringify(record)));
  }

  /** Deletes the object. No effect if there is none. */
  async delete(key: string): Promise<void> {
    await this.s3.send(new DeleteObjectCommand({ Bucket: this.bucket, Key: key }));
  }

  /** Lists the objects below a prefix, in pages of at most 1,000. With `after`, only keys that come after that key. */
  async *list(prefix: string, after?: string): AsyncGenerator<ListedObject> {
    let token: string | undefined;
    do {
      const page = await this.s3.send(
        new ListObjectsV2Command({
          Bucket: this.bucket,
          Prefix: prefix,
          ContinuationToken: token,
          ...(after !== undefined && { StartAfter: after }),
        }),
      );
      for (const { Key, ETag, LastModified } of page.Contents ?? []) {
        if (Key !== undefined) yield { key: Key, etag: ETag ?? '', lastModified: LastModified };
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  private storedOrConflict<T>(key: string, written: { record: object; etag: string } | undefined): Stored<T> {
    if (!written) throw new ConflictError(`another writer changed s3://${this.bucket}/${key}`);
    return { record: written.record as T, etag: written.etag };
  }

  /** Writes with a condition. Returns undefined if the condition failed and the object is not this call's own write. */
  private async putIf(key: string, record: object, condition: { IfMatch?: string; IfNoneMatch?: string }) {
    const withNonce = { ...record, nonce: this.newNonce() };
    const text = JSON.stringify(withNonce);
    for (let tries = 1; ; tries += 1) {
      try {
        const answer = await this.s3.send(put(this.bucket, key, text, condition));
        return { record: withNonce, etag: answer.ETag ?? '' };
      } catch (error) {
        if (httpStatusOf(error) === 409 && tries < CONFLICT_TRIES) continue;
        if (httpStatusOf(error) !== 412 && !isMissing(error)) throw error;
        const present = await this.getText(key);
        return present?.text === text ? { record: withNonce, etag: present.etag } : undefined;
      }
    }
  }
}

function put(
  bucket: string,
  key: string,
  text: string,
  condition: { IfMatch?: string; IfNoneMatch?: string } = {},
) {
  return new PutObjectCommand({
    Bucket: bucket,
    Key: key,
    Body: text,
    ContentType: 'application/json',
    ...condition,
  });
}

function isMissing(error: unknown): boolean {
  return awsCodeOf(error) === 'NoSuchKey' || awsCodeOf(error) === 'NotFound' || httpStatusOf(error) === 404;
}

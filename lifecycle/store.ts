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

/** A record as it was read, with the ETag that a compare-and-set needs. */
export interface Stored<T> {
  readonly record: T;
  readonly etag: string;
}

/** An object's text, not yet looked at. */
export interface StoredText {
  readonly text: string;
  readonly etag: string;
}

export interface ListedObject {
  readonly key: string;
  readonly etag: string;
  readonly lastModified: Date | undefined;
}

/** S3 answers 409 while another conditional write of the same key is under way; it is asked this often. */
const CONFLICT_TRIES = 5;

/**
 * Records in one bucket, with S3's conditional writes. Every conditional write carries a fresh nonce: a PUT that the SDK
 * repeated because the first answer was lost meets its own success as a 412, and knows it by reading it back.
 */
export class Store {
  constructor(
    private readonly s3: S3Client,
    readonly bucket: string,
    private readonly newNonce: () => string = randomUUID,
  ) {}

  /** Throws InvalidInputError when what is there is not such a record. */
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

  /** Creates the record. False: an object of another writer is there already. */
  async create(key: string, record: object): Promise<boolean> {
    return (await this.putIf(key, record, { IfNoneMatch: '*' })) !== undefined;
  }

  /** Creates the record and returns it as stored. Throws ConflictError if an object is there already. */
  async createStored<T extends { nonce: string }>(key: string, record: Omit<T, 'nonce'>): Promise<Stored<T>> {
    return this.written<T>(key, await this.putIf(key, record, { IfNoneMatch: '*' }));
  }

  /** Compare-and-set. Throws ConflictError if the object is no longer the one with `etag`. */
  async replace<T extends { nonce: string }>(
    key: string,
    record: Omit<T, 'nonce'>,
    etag: string,
  ): Promise<Stored<T>> {
    return this.written<T>(key, await this.putIf(key, record, { IfMatch: etag }));
  }

  /** Plain overwrite, for what nothing is decided by. */
  async overwrite(key: string, record: object): Promise<void> {
    await this.s3.send(put(this.bucket, key, JSON.stringify(record)));
  }

  /** Deleting what is not there is no error. */
  async delete(key: string): Promise<void> {
    await this.s3.send(new DeleteObjectCommand({ Bucket: this.bucket, Key: key }));
  }

  /** Every object below a prefix, in pages of at most 1,000; with `after`, those whose keys come after that. */
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

  private written<T>(key: string, written: { record: object; etag: string } | undefined): Stored<T> {
    if (!written) throw new ConflictError(`s3://${this.bucket}/${key} was changed by another writer`);
    return { record: written.record as T, etag: written.etag };
  }

  /** Undefined: the condition failed, and what is there is not our own earlier write. */
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

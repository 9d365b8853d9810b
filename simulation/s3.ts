import { Readable } from 'node:stream';
import { GATE_KEY } from '../lifecycle/job';
import { awsError } from './aws-error';
import type { SimProcess } from './process';
import { MODELS } from './settings';
import type { World } from './world';

export type BucketName = 'data' | 'output' | 'control';

interface SimObject {
  readonly text: string;
  readonly etag: string;
  readonly versionId: string;
  readonly lastModified: Date;
  readonly metadata: Readonly<Record<string, string>> | undefined;
}

type Input = object;

/** The content of every upload and of every model's zip. */
const UPLOAD = 'x';

/** What S3 needs of the other parts. */
interface S3World extends World {
  readonly functions: { receiptWritten(key: string): void };
  readonly checks: {
    checkBeforePut(process: SimProcess, bucket: BucketName, key: string, text: string): void;
    checkAfterPut(process: SimProcess, bucket: BucketName, key: string, text: string): void;
    checkAfterDelete(process: SimProcess, bucket: BucketName, key: string): void;
  };
  readonly people: { aimUpload(): void };
}

/** S3: three versioned buckets, linearizable. Versions of overwritten objects are kept in the data bucket only. */
export class SimS3 {
  private readonly buckets: Record<BucketName, Map<string, SimObject>> = {
    data: new Map(),
    output: new Map(),
    control: new Map(),
  };
  /** The keys in their order. Undefined: a key has come or gone since. */
  private readonly sorted: Partial<Record<BucketName, string[] | undefined>> = {};
  private readonly uploads: { key: string; versionId: string; sizeBytes: number; at: Date }[] = [];
  private readonly etags = new Map<string, string>();
  private versions = 0;

  constructor(private readonly world: S3World) {}

  peek(bucket: BucketName, key: string): SimObject | undefined {
    return this.buckets[bucket].get(key);
  }

  keys(bucket: BucketName, prefix: string): string[] {
    // A list of 10,000 open jobs has ten pages, and a sort for each page would cost more than all the rest.
    this.sorted[bucket] ??= [...this.buckets[bucket].keys()].sort(byText);
    return this.sorted[bucket].filter((key) => key.startsWith(prefix));
  }

  /** A person uploads a file. Returns the version. */
  upload(key: string): string {
    const { versionId, lastModified } = this.store('data', key, UPLOAD);
    // The sort keeps the order of equal times, and S3 lists the newest version first.
    this.uploads.unshift({ key, versionId, sizeBytes: UPLOAD.length, at: lastModified });
    this.uploads.sort((a, b) => byText(a.key, b.key) || b.at.getTime() - a.at.getTime());
    return versionId;
  }

  put(process: SimProcess, input: Input): object {
    const { Bucket, Key, Body, IfMatch, IfNoneMatch, Metadata } = input as PutInput;
    const present = this.buckets[Bucket].get(Key);
    if (IfNoneMatch === '*' && present) throw awsError('PreconditionFailed', 412);
    if (IfMatch !== undefined) {
      if (!present) throw awsError('NoSuchKey', 404);
      if (present.etag !== IfMatch) throw awsError('PreconditionFailed', 412);
    }
    this.world.checks.checkBeforePut(process, Bucket, Key, String(Body));
    const stored = this.store(Bucket, Key, String(Body), Metadata);
    this.world.checks.checkAfterPut(process, Bucket, Key, stored.text);
    if (Bucket === 'output' && Key.endsWith('/receipt.json')) this.world.functions.receiptWritten(Key);
    return { ETag: stored.etag, VersionId: stored.versionId };
  }

  get(process: SimProcess, input: Input): object {
    const { Bucket, Key, VersionId } = input as GetInput;
    if (Key === GATE_KEY) process.gateRead = this.buckets[Bucket].get(Key)?.etag ?? '';
    if (Bucket === 'data' || VersionId !== undefined) {
      if (!this.hasVersion(Bucket, Key, VersionId)) throw awsError('NoSuchVersion', 404);
      return { Body: new Readable({ read: readUpload }), ContentLength: UPLOAD.length };
    }
    const present = this.buckets[Bucket].get(Key);
    if (!present) throw awsError('NoSuchKey', 404);
    const { text, etag, lastModified, metadata } = present;
    const Body = { transformToString: () => Promise.resolve(text) };
    return { Body, ETag: etag, LastModified: lastModified, Metadata: metadata };
  }

  head(input: Input): object {
    const { Bucket, Key } = input as GetInput;
    const present = this.buckets[Bucket].get(Key);
    if (!present) throw awsError('NotFound', 404);
    return { ETag: present.etag };
  }

  delete(process: SimProcess, input: Input): object {
    const { Bucket, Key } = input as GetInput;
    if (!this.buckets[Bucket].delete(Key)) return {};
    this.sorted[Bucket] = undefined;
    this.world.checks.checkAfterDelete(process, Bucket, Key);
    return {};
  }

  list(process: SimProcess, input: Input): object {
    const { Bucket, Prefix, Delimiter, ContinuationToken, StartAfter = '' } = input as ListInput;
    const after = ContinuationToken ?? StartAfter;
    if (Delimiter !== undefined) return this.listNames(Bucket, Prefix, Delimiter, after);
    const keys = this.keys(Bucket, Prefix).filter((key) => key > after);
    const page = keys.slice(0, this.world.settings.listPage);
    // An upload is most dangerous just after a closer has seen that nothing is open.
    if (page.length === 0 && process.kind !== 'worker') this.world.people.aimUpload();
    const more = keys.length > page.length;
    return {
      Contents: page.map((key) => {
        const { etag, lastModified } = this.buckets[Bucket].get(key) as SimObject;
        return { Key: key, ETag: etag, LastModified: lastModified };
      }),
      IsTruncated: more,
      ...(more && { NextContinuationToken: page.at(-1) }),
    };
  }

  /** A list with a delimiter: the objects directly below the prefix, and the common prefixes. */
  private listNames(bucket: BucketName, prefix: string, delimiter: string, after: string): object {
    const depth = (key: string) => key.indexOf(delimiter, prefix.length) + 1;
    const names = this.keys(bucket, prefix).map((key) => key.slice(0, depth(key) || undefined));
    const found = [...new Set(names)].filter((name) => name > after);
    const page = found.slice(0, this.world.settings.listPage);
    return {
      Contents: page.filter((name) => !name.endsWith(delimiter)).map((name) => ({ Key: formEncoded(name) })),
      CommonPrefixes: page
        .filter((name) => name.endsWith(delimiter))
        .map((name) => ({ Prefix: formEncoded(name) })),
      IsTruncated: found.length > page.length,
      ...(found.length > page.length && { NextContinuationToken: page.at(-1) }),
    };
  }

  listVersions(input: Input): object {
    const { KeyMarker, VersionIdMarker } = input as { KeyMarker?: string; VersionIdMarker?: string };
    let begin = 0;
    if (KeyMarker !== undefined) {
      const isWholeKey = VersionIdMarker === undefined;
      begin = this.uploads.findIndex(({ key }) => key > KeyMarker || (!isWholeKey && key === KeyMarker));
      if (begin === -1) begin = this.uploads.length;
      const marked = this.uploads.findIndex(
        ({ key, versionId }) => key === KeyMarker && versionId === VersionIdMarker,
      );
      if (marked !== -1) begin = marked + 1;
    }
    const page = this.uploads.slice(begin, begin + this.world.settings.versionsPage);
    const last = page.at(-1);
    const more = begin + page.length < this.uploads.length && last !== undefined;
    return {
      Versions: page.map(({ key, versionId, sizeBytes, at }) => ({
        Key: formEncoded(key),
        VersionId: versionId,
        Size: sizeBytes,
        LastModified: at,
      })),
      IsTruncated: more,
      ...(more && { NextKeyMarker: formEncoded(last.key), NextVersionIdMarker: last.versionId }),
    };
  }

  /** The versions of uploads, and the first version of each model's zip. */
  private hasVersion(bucket: BucketName, key: string, versionId: string | undefined): boolean {
    if (bucket === 'data') return this.uploads.some((upload) => upload.versionId === versionId);
    return MODELS.some(({ zipKey, zipVersionId }) => key === zipKey && versionId === zipVersionId);
  }

  private store(bucket: BucketName, key: string, text: string, metadata?: SimObject['metadata']): SimObject {
    this.versions += 1;
    // The same text has the same ETag, as with MD5.
    let etag = this.etags.get(text);
    if (etag === undefined) {
      etag = `"${this.etags.size + 1}"`;
      this.etags.set(text, etag);
    }
    const lastModified = new Date(Math.floor(this.world.timeline.now / 1000) * 1000);
    const stored = { text, etag, versionId: `v${this.versions}`, lastModified, metadata };
    if (!this.buckets[bucket].has(key)) this.sorted[bucket] = undefined;
    this.buckets[bucket].set(key, stored);
    return stored;
  }
}

interface PutInput {
  Bucket: BucketName;
  Key: string;
  Body: string | Buffer;
  IfMatch?: string;
  IfNoneMatch?: string;
  Metadata?: Record<string, string>;
}

interface GetInput {
  Bucket: BucketName;
  Key: string;
  VersionId?: string;
}

interface ListInput {
  Bucket: BucketName;
  Prefix: string;
  Delimiter?: string;
  ContinuationToken?: string;
  StartAfter?: string;
}

function readUpload(this: Readable): void {
  this.push(UPLOAD);
  this.push(null);
}

/** A key as in events and in listings with EncodingType=url. */
export function formEncoded(key: string): string {
  return encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');
}

function byText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

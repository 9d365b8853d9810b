import type { S3Client } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type Clock, systemClock } from '../../lifecycle/clock';

/** One recorded request. */
export interface FakeS3Call {
  /** `PutObject`, `GetObject`, … */
  readonly command: string;
  readonly bucket: string;
  /** The key, or the prefix of a list. */
  readonly key: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** A failure or an action at one or more requests. A fault that never strikes fails its test. */
export interface FakeS3Fault {
  /** `PutObject`, … @default any command */
  readonly command?: string;
  /** The key or list prefix, or a pattern for it. @default any key */
  readonly key?: string | RegExp;
  /** The first matching request that the fault strikes, counted from now and from 1. @default 1 */
  readonly nth?: number;
  /** The number of consecutive matching requests that the fault strikes. @default 1 */
  readonly times?: number;
  /** `before`: the request has no effect. `after`: the request has its effect, but its answer is lost. @default "before" */
  readonly when?: 'before' | 'after';
  /** Thrown to the caller. @default the request gets its usual answer */
  readonly error?: Error;
  /** Called at that moment, for example as another function's write. */
  readonly run?: () => unknown;
}

interface Version {
  readonly versionId: string;
  readonly body: Buffer;
  readonly etag: string;
  readonly lastModified: Date;
  readonly deleteMarker: boolean;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

type Input = Readonly<Record<string, unknown>>;

/** Faults of the current test that have not struck yet. */
const pendingFaults = new Set<FakeS3Fault>();

afterEach(() => {
  const pending = [...pendingFaults].map(
    ({ command = 'any command', key = 'any key', nth = 1 }) => `${command} of ${String(key)}, request ${nth}`,
  );
  pendingFaults.clear();
  if (pending.length > 0) throw new Error(`These faults never struck: ${pending.join('; ')}`);
});

/**
 * The part of S3 that Lamplighter uses, in memory: versioned buckets (created on first use), conditional writes, pages. It is
 * strongly consistent, like S3. `fault` breaks chosen requests, before or after their effect.
 *
 * @example
 * const s3 = new FakeS3(clock);
 * s3.put('control', 'gate.json', '{}');
 * s3.fault({ command: 'PutObject', key: /^claims\//, when: 'after', error: FakeS3.error('TimeoutError', 0) });
 * const store = new Store(s3.client, 'control');
 */
export class FakeS3 {
  readonly calls: FakeS3Call[] = [];
  readonly client: S3Client;
  private readonly buckets = new Map<string, Map<string, Version[]>>();
  private readonly faults: { fault: FakeS3Fault; matched: number }[] = [];
  private readonly uploads = new Map<string, { began: Date; parts: Map<number, Buffer> }>();
  /** The ids of versions in an archive storage class, which S3 does not read. */
  private readonly archived = new Set<string>();
  private versions = 0;

  constructor(private readonly clock: Pick<Clock, 'now'> = systemClock) {
    // lib-storage's Upload reads these from its client.
    const config = {
      requestChecksumCalculation: () => Promise.resolve('WHEN_REQUIRED'),
      endpoint: () => Promise.resolve({ protocol: 'https:', hostname: 's3.fake', path: '/' }),
    };
    const send = (command: object, options?: { readonly abortSignal?: AbortSignal }) =>
      this.send(command, options?.abortSignal);
    const client = { send, config, destroy: () => undefined };
    this.client = client as unknown as S3Client;
  }

  /** An error as the SDK throws it: `name` is AWS's code. */
  static error(name: string, httpStatusCode: number, message = name): Error {
    return Object.assign(new Error(message), {
      name,
      $fault: httpStatusCode >= 500 ? 'server' : 'client',
      $metadata: { httpStatusCode },
    });
  }

  /** The current objects of a bucket, key → text, in S3's order. */
  objects(bucket: string): Map<string, string> {
    return new Map(this.current(bucket).map(({ key, version }) => [key, version.body.toString('utf8')]));
  }

  /** The current object's text, or undefined. */
  text(bucket: string, key: string): string | undefined {
    return this.latest(bucket, key)?.body.toString('utf8');
  }

  /** The id of the current version, or undefined. */
  versionOf(bucket: string, key: string): string | undefined {
    return this.latest(bucket, key)?.versionId;
  }

  /** Writes an object from outside: the fake records no call, and no fault strikes. */
  put(
    bucket: string,
    key: string,
    body: string | Uint8Array,
    lastModified = this.now(),
    metadata?: Readonly<Record<string, string>>,
  ): { etag: string; versionId: string } {
    const bytes = Buffer.from(typeof body === 'string' ? Buffer.from(body, 'utf8') : body);
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    return this.add(bucket, key, { body: bytes, etag, deleteMarker: false, metadata }, lastModified);
  }

  /** Deletes an object from outside. Its versions stay. */
  delete(bucket: string, key: string): void {
    if (this.latest(bucket, key))
      this.add(bucket, key, { body: Buffer.alloc(0), etag: '', deleteMarker: true });
  }

  /** Removes one version permanently. */
  deleteVersion(bucket: string, key: string, versionId: string): void {
    const versions = this.bucket(bucket).get(key) ?? [];
    this.bucket(bucket).set(
      key,
      versions.filter((version) => version.versionId !== versionId),
    );
  }

  /** Breaks one or more later requests. Faults are independent: each counts its own matching requests. */
  fault(fault: FakeS3Fault): void {
    pendingFaults.add(fault);
    this.faults.push({ fault, matched: 0 });
  }

  /** The recorded calls of one command. `key`: only those of this exact key or list prefix, or of this pattern. */
  callsOf(command: string, key?: string | RegExp): FakeS3Call[] {
    return this.calls.filter((call) => call.command === command && matches(key, call.key));
  }

  private async send(command: object, abortSignal: AbortSignal | undefined): Promise<object> {
    if (abortSignal?.aborted === true) throw FakeS3.error('AbortError', 0, 'Request aborted');
    const name = command.constructor.name.replace(/Command$/, '');
    const { input } = command as { input: Input };
    const call = {
      command: name,
      bucket: textOf(input.Bucket),
      key: textOf(input.Key ?? input.Prefix),
      input,
    };
    this.calls.push(call);
    const struck = this.faults.filter((entry) => this.strikes(entry, call)).map(({ fault }) => fault);
    await strike(struck.filter(({ when = 'before' }) => when === 'before'));
    const body = name === 'PutObject' || name === 'UploadPart' ? await bytesOf(input.Body) : Buffer.alloc(0);
    const answer = this.answer(call, body);
    await strike(struck.filter(({ when }) => when === 'after'));
    return { ...answer, $metadata: { httpStatusCode: 200 } };
  }

  private strikes(entry: { fault: FakeS3Fault; matched: number }, call: FakeS3Call): boolean {
    const { command, key, nth = 1, times = 1 } = entry.fault;
    if ((command !== undefined && command !== call.command) || !matches(key, call.key)) return false;
    entry.matched += 1;
    const isStruck = entry.matched >= nth && entry.matched < nth + times;
    if (isStruck) pendingFaults.delete(entry.fault);
    return isStruck;
  }

  private answer({ command, bucket, key, input }: FakeS3Call, body: Buffer): object {
    switch (command) {
      case 'PutObject':
        return this.putObject(bucket, key, input, body);
      case 'CreateMultipartUpload':
        return { UploadId: this.createUpload() };
      case 'UploadPart':
        return this.uploadPart(input, body);
      case 'CompleteMultipartUpload':
        return this.completeUpload(bucket, key, input);
      case 'AbortMultipartUpload':
        this.uploads.delete(textOf(input.UploadId));
        return {};
      case 'CopyObject':
        return this.copyObject(bucket, key, input);
      case 'GetObject':
        return this.getObject(bucket, key, input);
      case 'HeadObject':
        return this.headObject(bucket, key, input);
      case 'DeleteObject':
        return this.deleteObject(bucket, key, input);
      case 'ListObjectsV2':
        return this.listObjects(bucket, input);
      case 'ListObjectVersions':
        return this.listVersions(bucket, input);
      default:
        throw new Error(`FakeS3 does not support ${command}`);
    }
  }

  /** `began`: when the multi-part upload began. S3 shows this time as LastModified. */
  private putObject(bucket: string, key: string, input: Input, body: Buffer, began = this.now()): object {
    if (Buffer.byteLength(key) > 1024) throw FakeS3.error('KeyTooLongError', 400, 'Your key is too long');
    const present = this.latest(bucket, key);
    if (input.IfNoneMatch === '*' && present) throw preconditionFailed();
    if (input.IfMatch !== undefined) this.requireMatch(present, input.IfMatch);
    const metadata = input.Metadata as Readonly<Record<string, string>> | undefined;
    const { etag, versionId } = this.put(bucket, key, body, began, metadata);
    if (input.StorageClass === 'GLACIER') this.archived.add(versionId);
    return { ETag: etag, VersionId: versionId };
  }

  private createUpload(): string {
    this.versions += 1;
    const uploadId = `upload-${this.versions}`;
    this.uploads.set(uploadId, { began: this.now(), parts: new Map() });
    return uploadId;
  }

  private uploadPart(input: Input, body: Buffer): object {
    this.upload(input).parts.set(numberOf(input.PartNumber, 0), body);
    return { ETag: `"${createHash('md5').update(body).digest('hex')}"` };
  }

  private completeUpload(bucket: string, key: string, input: Input): object {
    const { began, parts } = this.upload(input);
    const { Parts = [] } = input.MultipartUpload as { Parts?: { PartNumber: number }[] };
    const named = Parts.map(({ PartNumber }) => parts.get(PartNumber));
    if (named.length === 0 || named.includes(undefined)) throw FakeS3.error('InvalidPart', 400);
    const answer = this.putObject(bucket, key, input, Buffer.concat(named as Buffer[]), began);
    this.uploads.delete(textOf(input.UploadId));
    return answer;
  }

  private upload(input: Input): { began: Date; parts: Map<number, Buffer> } {
    const upload = this.uploads.get(textOf(input.UploadId));
    if (!upload) throw FakeS3.error('NoSuchUpload', 404);
    return upload;
  }

  /** Copies one version, with other metadata. */
  private copyObject(bucket: string, key: string, input: Input): object {
    const [, from = '', source = '', versionId = ''] =
      /^([^/]+)\/(.*)\?versionId=(.*)$/.exec(textOf(input.CopySource)) ?? [];
    const { body, etag } = this.read(from, decodeURIComponent(source), { VersionId: versionId }, 'NoSuchKey');
    const metadata = input.Metadata as Record<string, string>;
    return { VersionId: this.add(bucket, key, { body, etag, deleteMarker: false, metadata }).versionId };
  }

  private getObject(bucket: string, key: string, input: Input): object {
    const version = this.read(bucket, key, input, 'NoSuchKey');
    if (this.archived.has(version.versionId)) throw FakeS3.error('InvalidObjectState', 403);
    return { ...describe(version), Body: streamOf(version.body) };
  }

  private headObject(bucket: string, key: string, input: Input): object {
    return describe(this.read(bucket, key, input, 'NotFound'));
  }

  private deleteObject(bucket: string, key: string, input: Input): object {
    if (typeof input.VersionId === 'string') {
      this.deleteVersion(bucket, key, input.VersionId);
      return { VersionId: input.VersionId };
    }
    const present = this.latest(bucket, key);
    if (input.IfMatch !== undefined) this.requireMatch(present, input.IfMatch);
    const marker = this.add(bucket, key, { body: Buffer.alloc(0), etag: '', deleteMarker: true });
    return { DeleteMarker: true, VersionId: marker.versionId };
  }

  private listObjects(bucket: string, input: Input): object {
    const prefix = textOf(input.Prefix);
    const after = textOf(input.ContinuationToken ?? input.StartAfter);
    const limit = Math.min(numberOf(input.MaxKeys, 1000), 1000);
    const encode = encoderOf(input);
    const keys = [...this.bucket(bucket).keys()].sort(compareBytes);
    const page: { key: string; version: Version }[] = [];
    const commonPrefixes = new Set<string>();
    let last = '';
    let truncated = false;
    let deleted = 0;
    for (const key of keys.filter((each) => each.startsWith(prefix) && isAfter(each, after))) {
      // S3 walks over delete markers: a page may hold fewer keys than it has walked over, or none, and not be the last.
      if (page.length + commonPrefixes.size + deleted >= limit) {
        truncated = true;
        break;
      }
      const version = this.latest(bucket, key);
      if (!version) {
        deleted += 1;
        last = key;
        continue;
      }
      const common = commonPrefixOf(key, prefix, input.Delimiter);
      // A continuation token may be inside a common prefix that an earlier page has listed.
      if (
        common !== undefined &&
        (commonPrefixes.has(common) || (after !== '' && after.startsWith(common)))
      ) {
        last = key;
        continue;
      }
      if (common === undefined) page.push({ key, version });
      else commonPrefixes.add(common);
      last = key;
    }
    return {
      Name: bucket,
      Prefix: encode(prefix),
      KeyCount: page.length + commonPrefixes.size,
      IsTruncated: truncated,
      ...(truncated && { NextContinuationToken: last }),
      ...(page.length > 0 && {
        Contents: page.map(({ key, version }) => ({
          Key: encode(key),
          ETag: version.etag,
          Size: version.body.length,
          LastModified: version.lastModified,
        })),
      }),
      ...(commonPrefixes.size > 0 && {
        CommonPrefixes: [...commonPrefixes].map((common) => ({ Prefix: encode(common) })),
      }),
    };
  }

  private listVersions(bucket: string, input: Input): object {
    const prefix = textOf(input.Prefix);
    const limit = Math.min(numberOf(input.MaxKeys, 1000), 1000);
    const encode = encoderOf(input);
    const all = [...this.bucket(bucket).entries()]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([a], [b]) => compareBytes(a, b))
      .flatMap(([key, versions]) =>
        [...versions].reverse().map((version, index) => ({ key, version, isLatest: index === 0 })),
      );
    const start = startOfPage(all, textOf(input.KeyMarker), textOf(input.VersionIdMarker));
    const page = all.slice(start, start + limit);
    const truncated = start + limit < all.length;
    const row = ({ key, version, isLatest }: (typeof all)[number]) => ({
      Key: encode(key),
      VersionId: version.versionId,
      IsLatest: isLatest,
      LastModified: version.lastModified,
    });
    return {
      Name: bucket,
      IsTruncated: truncated,
      ...(truncated && {
        NextKeyMarker: encode(page.at(-1)?.key ?? ''),
        NextVersionIdMarker: page.at(-1)?.version.versionId,
      }),
      Versions: page
        .filter(({ version }) => !version.deleteMarker)
        .map((entry) => ({ ...row(entry), ETag: entry.version.etag, Size: entry.version.body.length })),
      DeleteMarkers: page.filter(({ version }) => version.deleteMarker).map(row),
    };
  }

  private read(bucket: string, key: string, input: Input, missing: 'NoSuchKey' | 'NotFound'): Version {
    if (typeof input.VersionId !== 'string') {
      const version = this.latest(bucket, key);
      if (!version) throw FakeS3.error(missing, 404, 'The specified key does not exist.');
      return version;
    }
    const version = this.bucket(bucket)
      .get(key)
      ?.find(({ versionId }) => versionId === input.VersionId);
    if (!version) {
      const code = missing === 'NotFound' ? 'NotFound' : 'NoSuchVersion';
      throw FakeS3.error(code, 404, 'The specified version does not exist.');
    }
    if (version.deleteMarker) throw FakeS3.error('MethodNotAllowed', 405);
    return version;
  }

  private requireMatch(present: Version | undefined, etag: unknown): void {
    if (!present) throw FakeS3.error('NoSuchKey', 404, 'The specified key does not exist.');
    if (present.etag !== etag) throw preconditionFailed();
  }

  /** The time as S3 shows it, in whole seconds. */
  private now(): Date {
    return new Date(Math.floor(this.clock.now() / 1_000) * 1_000);
  }

  private add(
    bucket: string,
    key: string,
    version: Omit<Version, 'versionId' | 'lastModified'>,
    lastModified = this.now(),
  ) {
    this.versions += 1;
    const versionId = `v${String(this.versions).padStart(6, '0')}`;
    const versions = this.bucket(bucket).get(key) ?? [];
    versions.push({ ...version, versionId, lastModified });
    this.bucket(bucket).set(key, versions);
    return { etag: version.etag, versionId };
  }

  private latest(bucket: string, key: string): Version | undefined {
    const version = this.bucket(bucket).get(key)?.at(-1);
    return version?.deleteMarker === true ? undefined : version;
  }

  private current(bucket: string): { key: string; version: Version }[] {
    return [...this.bucket(bucket).keys()]
      .sort(compareBytes)
      .flatMap((key) => [this.latest(bucket, key)].flatMap((version) => (version ? [{ key, version }] : [])));
  }

  private bucket(name: string): Map<string, Version[]> {
    const bucket = this.buckets.get(name) ?? new Map<string, Version[]>();
    this.buckets.set(name, bucket);
    return bucket;
  }
}

async function strike(faults: readonly FakeS3Fault[]): Promise<void> {
  for (const { run } of faults) await run?.();
  const thrown = faults.find(({ error }) => error)?.error;
  if (thrown) throw thrown;
}

function matches(pattern: string | RegExp | undefined, key: string): boolean {
  if (pattern === undefined) return true;
  return typeof pattern === 'string' ? pattern === key : pattern.test(key);
}

function preconditionFailed(): Error {
  return FakeS3.error(
    'PreconditionFailed',
    412,
    'At least one of the pre-conditions you specified did not hold',
  );
}

function describe({ body, etag, versionId, lastModified, metadata }: Version): object {
  const headers = {
    ETag: etag,
    VersionId: versionId,
    LastModified: lastModified,
    ContentLength: body.length,
  };
  return { ...headers, ...(metadata && { Metadata: metadata }) };
}

/** A body as the SDK returns it: a stream with the two shortcuts that Lamplighter uses. */
function streamOf(body: Buffer): Readable {
  return Object.assign(Readable.from(body.length > 0 ? [body] : []), {
    transformToString: (encoding: BufferEncoding = 'utf8') => Promise.resolve(body.toString(encoding)),
    transformToByteArray: () => Promise.resolve(new Uint8Array(body)),
  });
}

async function bytesOf(body: unknown): Promise<Buffer> {
  if (body === undefined) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body, 'utf8');
  if (body instanceof Uint8Array) return Buffer.from(body);
  if (!(body instanceof Readable)) throw new Error('FakeS3 accepts a body as string, Uint8Array or Readable');
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

function commonPrefixOf(key: string, prefix: string, delimiter: unknown): string | undefined {
  if (typeof delimiter !== 'string' || delimiter === '') return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at === -1 ? undefined : key.slice(0, at + delimiter.length);
}

function startOfPage(
  all: readonly { key: string; version: Version }[],
  keyMarker: string,
  versionIdMarker: string,
): number {
  if (keyMarker === '') return 0;
  const exact = all.findIndex(
    ({ key, version }) => key === keyMarker && version.versionId === versionIdMarker,
  );
  if (exact !== -1) return exact + 1;
  const next = all.findIndex(({ key }) => isAfter(key, keyMarker));
  return next === -1 ? all.length : next;
}

/** S3's `EncodingType: "url"`: form-encoded, except slashes. */
function encoderOf({ EncodingType }: Input): (key: string) => string {
  if (EncodingType !== 'url') return (key) => key;
  return (key) => encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');
}

const isAfter = (key: string, marker: string) => marker === '' || compareBytes(key, marker) > 0;

/** S3 orders keys by their UTF-8 bytes. */
const compareBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

const textOf = (value: unknown) => (typeof value === 'string' ? value : '');

const numberOf = (value: unknown, fallback: number) => (typeof value === 'number' ? value : fallback);

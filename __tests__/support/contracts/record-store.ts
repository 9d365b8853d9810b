import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { Readable, addAbortSignal } from 'node:stream';
import { z } from 'zod';
import { ConflictError, awsCodeOf, httpStatusOf } from '../../../lifecycle/errors';
import { decodeKey } from '../../../lifecycle/job';
import { Store } from '../../../lifecycle/store';
import {
  awsFailure,
  describeContract,
  failureOf,
  failureStatus,
  type ContractCase,
  type KnownDifferences,
  type UnderTest,
} from './contract';

/** An S3 with two versioned buckets that are empty. */
export interface RecordStoreUnderTest extends UnderTest {
  readonly s3: S3Client;
  /** The bucket of the records. */
  readonly bucket: string;
  /** The bucket of the uploads. */
  readonly uploadsBucket: string;
  /** A person uploads a file. The implementation chooses its text. */
  upload(key: string): Promise<{ versionId: string; text: string }>;
  /** An id of a version that has been deleted. */
  goneVersion(key: string): Promise<string>;
  /** Makes S3 answer 409 to the next conditional write. Throws if the implementation never does. */
  conflictOnce(): void;
  /** Lets the time of S3 pass. */
  wait(milliseconds: number): Promise<void>;
}

type Case = ContractCase<RecordStoreUnderTest>;

const GUIDE = 'https://docs.aws.amazon.com/AmazonS3/latest/userguide';
const API = 'https://docs.aws.amazon.com/AmazonS3/latest/API';
const CONDITIONAL_WRITES = `${GUIDE}/conditional-writes.html`;
const STORE = 'lifecycle/store.ts';
const AUDIT = 'lifecycle/audit.ts';
const DOWNLOAD = 'runner/attempt.ts';
const UPLOAD = 'runner/upload.ts';

/** Keys that a client, a router or a path could change. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
export const AWKWARD_KEYS = [
  'plain.csv',
  'with blank.csv',
  'with+plus.csv',
  'with%percent.csv',
  'with%20code.csv',
  'deep/er/still.csv',
  'double//slash.csv',
  'up/../and.csv',
  'here/./and.csv',
  '../outside.csv',
  '/leading.csv',
  'trailing/',
  'Grüße äöü.csv',
  'e\u0301 decomposed.csv',
  '日本語.csv',
  '😀.csv',
  'two\nlines.csv',
  'a&b<c>"d".csv',
  'question?and#hash.csv',
  "quote'.csv",
  '$(touch x)`y`;.csv',
  'back\\slash.csv',
  '~tilde*star.csv',
];

const putText = (bucket: string, key: string, text: string, condition: object = {}) =>
  new PutObjectCommand({
    Bucket: bucket,
    Key: key,
    Body: text,
    ContentType: 'application/json',
    ...condition,
  });

const put = ({ s3, bucket }: RecordStoreUnderTest, key: string, text: string, condition: object = {}) =>
  s3.send(putText(bucket, key, text, condition));

const get = ({ s3, bucket }: RecordStoreUnderTest, key: string) =>
  s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));

const textOf = async (subject: RecordStoreUnderTest, key: string) =>
  (await get(subject, key)).Body!.transformToString();

const remove = ({ s3, bucket }: RecordStoreUnderTest, key: string, more: object = {}) =>
  s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, ...more }));

const list = ({ s3, bucket }: RecordStoreUnderTest, prefix: string, more: object = {}) =>
  s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...more }));

/** The audit's call. */
const listVersions = ({ s3, uploadsBucket }: RecordStoreUnderTest, more: object = {}) =>
  s3.send(new ListObjectVersionsCommand({ Bucket: uploadsBucket, EncodingType: 'url', ...more }));

const store = ({ s3, bucket }: RecordStoreUnderTest) => new Store(s3, bucket);

/** A text as it is stored; of any JSON value, so that no schema hides a difference. */
async function storedText({ s3, bucket }: RecordStoreUnderTest, key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return (await Body?.transformToString()) ?? '';
}

/** A client whose PUTs arrive twice, as when the SDK retries a PUT whose answer was lost. */
function repeatingPuts(s3: S3Client): S3Client {
  const send = async (command: object) => {
    if (command instanceof PutObjectCommand) await s3.send(copyOf(command)).catch(() => undefined);
    return s3.send(command as PutObjectCommand);
  };
  return { send } as unknown as S3Client;
}

const copyOf = ({ input }: PutObjectCommand) => new PutObjectCommand(input);

/** A client whose lists have short pages. */
function withShortPages(s3: S3Client, MaxKeys: number): S3Client {
  const send = (command: object) =>
    command instanceof ListObjectsV2Command
      ? s3.send(new ListObjectsV2Command({ ...command.input, MaxKeys }))
      : s3.send(command as PutObjectCommand);
  return { send } as unknown as S3Client;
}

/** Every version of the uploads, page by page, as the audit reads them: with decoded keys and markers. */
async function versionsByPages(subject: RecordStoreUnderTest, MaxKeys: number) {
  const found: { key: string; versionId: string | undefined }[] = [];
  let marker: object = {};
  for (let pages = 1; ; pages += 1) {
    const page: ListObjectVersionsCommandOutput = await listVersions(subject, { MaxKeys, ...marker });
    for (const { Key, VersionId } of page.Versions ?? [])
      found.push({ key: decodeKey(Key!), versionId: VersionId });
    if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return { found, pages };
    marker = { KeyMarker: decodeKey(page.NextKeyMarker), VersionIdMarker: page.NextVersionIdMarker };
  }
}

async function bytesOf(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of addAbortSignal(new AbortController().signal, body))
    chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

const byBytes = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other));

const CONDITIONAL: readonly Case[] = [
  {
    title: 'PUT with If-None-Match creates an object, and answers with its ETag',
    usedBy: STORE,
    source: CONDITIONAL_WRITES,
    check: async (subject) => {
      const { ETag } = await put(subject, 'records/a.json', '{}', { IfNoneMatch: '*' });
      expect(ETag).toMatch(/^".+"$/);
      expect(await textOf(subject, 'records/a.json')).toBe('{}');
    },
  },
  {
    title: 'PUT with If-None-Match on an object is 412, and changes nothing',
    usedBy: STORE,
    source: CONDITIONAL_WRITES,
    check: async (subject) => {
      await put(subject, 'records/a.json', '{"first":1}');
      const error = await failureOf(put(subject, 'records/a.json', '{"second":2}', { IfNoneMatch: '*' }));
      expect(error).toEqual(awsFailure('PreconditionFailed', 412));
      expect([awsCodeOf(error), httpStatusOf(error)]).toEqual(['PreconditionFailed', 412]);
      expect(await textOf(subject, 'records/a.json')).toBe('{"first":1}');
    },
  },
  {
    title: 'PUT with If-None-Match creates an object again after its deletion',
    usedBy: STORE,
    source: CONDITIONAL_WRITES,
    check: async (subject) => {
      await put(subject, 'records/a.json', '1');
      await remove(subject, 'records/a.json');
      await put(subject, 'records/a.json', '2', { IfNoneMatch: '*' });
      expect(await textOf(subject, 'records/a.json')).toBe('2');
    },
  },
  {
    title: 'PUT with the right If-Match replaces the object',
    usedBy: STORE,
    source: CONDITIONAL_WRITES,
    check: async (subject) => {
      const { ETag } = await put(subject, 'gate.json', '{"state":"OPEN"}');
      const second = await put(subject, 'gate.json', '{"state":"CLOSED"}', { IfMatch: ETag });
      expect(second.ETag).not.toBe(ETag);
      expect(await textOf(subject, 'gate.json')).toBe('{"state":"CLOSED"}');
    },
  },
  {
    title: 'PUT with a wrong If-Match is 412, and changes nothing',
    usedBy: STORE,
    source: CONDITIONAL_WRITES,
    check: async (subject) => {
      const { ETag } = await put(subject, 'gate.json', '{"state":"OPEN"}');
      await put(subject, 'gate.json', '{"state":"CLOSING"}');
      const error = await failureOf(put(subject, 'gate.json', '{"state":"CLOSED"}', { IfMatch: ETag }));
      expect(error).toEqual(awsFailure('PreconditionFailed', 412));
      expect(await textOf(subject, 'gate.json')).toBe('{"state":"CLOSING"}');
    },
  },
  {
    title: 'PUT with If-Match of a missing key is 404, and creates nothing',
    usedBy: STORE,
    source: CONDITIONAL_WRITES,
    check: async (subject) => {
      const { ETag } = await put(subject, 'records/other.json', '{}');
      const error = await failureOf(put(subject, 'records/a.json', '{}', { IfMatch: ETag }));
      expect(error).toEqual(awsFailure('NoSuchKey', 404));
      expect(await failureOf(get(subject, 'records/a.json'))).toEqual(awsFailure('NoSuchKey', 404));
    },
  },
  {
    title: 'PUT with If-Match of a deleted object is 404',
    usedBy: STORE,
    source: CONDITIONAL_WRITES,
    check: async (subject) => {
      const { ETag } = await put(subject, 'records/a.json', '{}');
      await remove(subject, 'records/a.json');
      expect(await failureOf(put(subject, 'records/a.json', '{}', { IfMatch: ETag }))).toEqual(
        failureStatus(404),
      );
    },
  },
  {
    title: 'a conditional PUT may be answered 409, and the store tries again',
    usedBy: STORE,
    source: CONDITIONAL_WRITES,
    check: async (subject) => {
      subject.conflictOnce();
      expect(await failureOf(put(subject, 'records/a.json', '1', { IfNoneMatch: '*' }))).toEqual(
        awsFailure('ConditionalRequestConflict', 409),
      );
      subject.conflictOnce();
      expect(await store(subject).create('records/a.json', {})).toBe(true);
    },
  },
  {
    title: 'the store creates once, and a second writer learns that it lost',
    usedBy: STORE,
    source: CONDITIONAL_WRITES,
    check: async (subject) => {
      expect(await store(subject).create('records/a.json', { a: 1 })).toBe(true);
      expect(await store(subject).create('records/a.json', { a: 1 })).toBe(false);
    },
  },
  {
    title: 'the store recognises its own repeated create by the nonce',
    usedBy: STORE,
    source: CONDITIONAL_WRITES,
    check: async (subject) => {
      const repeating = new Store(repeatingPuts(subject.s3), subject.bucket);
      expect(await repeating.create('records/a.json', { a: 1 })).toBe(true);
      const created = await repeating.replace<{ nonce: string }>('records/b.json', {}, undefined);
      expect(await repeating.create('records/b.json', {})).toBe(false);
      expect((await store(subject).read('records/b.json', z.unknown())).etag).toBe(created.etag);
    },
  },
  {
    title: 'the store recognises its own repeated replace, and its ETag serves the next one',
    usedBy: STORE,
    source: CONDITIONAL_WRITES,
    check: async (subject) => {
      const repeating = new Store(repeatingPuts(subject.s3), subject.bucket);
      const first = await store(subject).replace<{ nonce: string; n: number }>(
        'gate.json',
        { n: 1 },
        undefined,
      );
      const second = await repeating.replace<{ nonce: string; n: number }>('gate.json', { n: 2 }, first.etag);
      const third = await store(subject).replace<{ nonce: string; n: number }>(
        'gate.json',
        { n: 3 },
        second.etag,
      );
      expect(third.record.n).toBe(3);
    },
  },
  {
    title: 'the store turns a lost replace, and a replace of nothing, into ConflictError',
    usedBy: STORE,
    source: CONDITIONAL_WRITES,
    check: async (subject) => {
      const records = store(subject);
      const first = await records.replace<{ nonce: string }>('gate.json', {}, undefined);
      await records.replace('gate.json', {}, first.etag);
      await expect(records.replace('gate.json', {}, first.etag)).rejects.toThrow(ConflictError);
      await expect(records.replace('missing.json', {}, first.etag)).rejects.toThrow(ConflictError);
    },
  },
  {
    title: 'DELETE with the right If-Match deletes',
    source: `${GUIDE}/conditional-deletes.html`,
    check: async (subject) => {
      const { ETag } = await put(subject, 'records/a.json', '1');
      await remove(subject, 'records/a.json', { IfMatch: ETag });
      expect(await failureOf(get(subject, 'records/a.json'))).toEqual(awsFailure('NoSuchKey', 404));
    },
  },
  {
    title: 'DELETE with a wrong If-Match is 412, and deletes nothing',
    source: `${GUIDE}/conditional-deletes.html`,
    check: async (subject) => {
      const { ETag } = await put(subject, 'records/a.json', '1');
      await put(subject, 'records/a.json', '2');
      expect(await failureOf(remove(subject, 'records/a.json', { IfMatch: ETag }))).toEqual(
        awsFailure('PreconditionFailed', 412),
      );
      expect(await textOf(subject, 'records/a.json')).toBe('2');
    },
  },
];

const READS: readonly Case[] = [
  {
    title: 'PUT without a condition overwrites: the last writer wins',
    usedBy: STORE,
    source: `${API}/API_PutObject.html`,
    check: async (subject) => {
      await store(subject).overwrite('status/x.json', { n: 1 });
      await store(subject).overwrite('status/x.json', { n: 2 });
      expect(await textOf(subject, 'status/x.json')).toBe('{"n":2}');
    },
  },
  {
    title: 'a body of bytes is read as it was written',
    usedBy: UPLOAD,
    source: `${API}/API_PutObject.html`,
    check: async (subject) => {
      const { s3, bucket } = subject;
      const Body = Buffer.from('Grüße\n');
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'records/bytes', Body }));
      expect(await textOf(subject, 'records/bytes')).toBe('Grüße\n');
    },
  },
  {
    title: 'an empty object exists and has an empty text',
    usedBy: UPLOAD,
    source: `${API}/API_PutObject.html`,
    check: async (subject) => {
      const { s3, bucket } = subject;
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'records/empty', Body: Buffer.alloc(0) }));
      expect(await store(subject).exists('records/empty')).toBe(true);
      expect(await storedText(subject, 'records/empty')).toBe('');
    },
  },
  {
    title: 'GET of a missing key is NoSuchKey, 404',
    usedBy: STORE,
    source: `${API}/API_GetObject.html`,
    check: async (subject) => {
      expect(await failureOf(get(subject, 'records/none.json'))).toEqual(awsFailure('NoSuchKey', 404));
      expect(await store(subject).get('records/none.json', z.unknown())).toBeUndefined();
    },
  },
  {
    title: 'HEAD of a missing key is NotFound, 404',
    usedBy: STORE,
    source: `${API}/API_HeadObject.html`,
    check: async (subject) => {
      const { s3, bucket } = subject;
      const head = s3.send(new HeadObjectCommand({ Bucket: bucket, Key: 'records/none.json' }));
      expect(await failureOf(head)).toEqual(awsFailure('NotFound', 404));
      expect(await store(subject).exists('records/none.json')).toBe(false);
    },
  },
  {
    title: 'DELETE of a missing key succeeds',
    usedBy: STORE,
    source: `${API}/API_DeleteObject.html`,
    check: async (subject) => {
      await store(subject).delete('records/none.json');
      expect(await store(subject).exists('records/none.json')).toBe(false);
    },
  },
  {
    title: 'DELETE of an object hides it from GET, HEAD and LIST',
    usedBy: STORE,
    source: `${GUIDE}/DeleteMarker.html`,
    check: async (subject) => {
      await put(subject, 'records/a.json', '1');
      await store(subject).delete('records/a.json');
      expect(await failureOf(get(subject, 'records/a.json'))).toEqual(awsFailure('NoSuchKey', 404));
      expect(await store(subject).exists('records/a.json')).toBe(false);
      expect((await list(subject, 'records/')).Contents ?? []).toEqual([]);
    },
  },
  {
    title: 'PUT, GET, HEAD and LIST give the same ETag, in double quotes; it follows from the text',
    usedBy: STORE,
    source: `${API}/API_Object.html`,
    check: async (subject) => {
      const { s3, bucket } = subject;
      const { ETag } = await put(subject, 'records/a.json', '1');
      const same = await put(subject, 'records/b.json', '1');
      const other = await put(subject, 'records/c.json', '2');
      const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: 'records/a.json' }));
      const listed = await list(subject, 'records/a');
      expect(ETag).toMatch(/^"[^"]+"$/);
      expect((await get(subject, 'records/a.json')).ETag).toBe(ETag);
      expect(head.ETag).toBe(ETag);
      expect(listed.Contents!.map((each) => each.ETag)).toEqual([ETag]);
      expect(same.ETag).toBe(ETag);
      expect(other.ETag).not.toBe(ETag);
    },
  },
  {
    title: 'an aborted request is rejected with AbortError, and has no effect',
    usedBy: UPLOAD,
    source: 'https://docs.aws.amazon.com/AWSJavaScriptSDK/v3/latest/Package/-smithy-abort-controller/',
    check: async (subject) => {
      const { s3, bucket } = subject;
      const request = putText(bucket, 'records/a.json', '1');
      const error = await failureOf(s3.send(request, { abortSignal: AbortSignal.abort() }));
      expect(awsCodeOf(error)).toBe('AbortError');
      expect(await store(subject).exists('records/a.json')).toBe(false);
    },
  },
  {
    title: 'a key of more than 1,024 bytes is KeyTooLongError, 400',
    source: `${GUIDE}/object-keys.html`,
    check: async (subject) => {
      await put(subject, `records/${'k'.repeat(1016)}`, '1');
      expect(await failureOf(put(subject, `records/${'ü'.repeat(509)}`, '1'))).toEqual(
        awsFailure('KeyTooLongError', 400),
      );
    },
  },
];

const VERSIONS: readonly Case[] = [
  {
    title: 'GET of a version streams that version’s bytes, with their length, after a later upload',
    usedBy: DOWNLOAD,
    source: `${API}/API_GetObject.html`,
    check: async (subject) => {
      const { s3, uploadsBucket } = subject;
      const first = await subject.upload('in.csv');
      const second = await subject.upload('in.csv');
      expect(second.versionId).not.toBe(first.versionId);
      for (const { versionId, text } of [first, second]) {
        const answer = await s3.send(
          new GetObjectCommand({ Bucket: uploadsBucket, Key: 'in.csv', VersionId: versionId }),
        );
        const bytes = await bytesOf(answer.Body as Readable);
        expect(bytes.toString()).toBe(text);
        expect(answer.ContentLength).toBe(bytes.length);
      }
    },
  },
  {
    title: 'GET of a version outlives the object’s deletion',
    usedBy: DOWNLOAD,
    source: `${GUIDE}/DeleteMarker.html`,
    check: async (subject) => {
      const { s3, uploadsBucket: Bucket } = subject;
      const { versionId, text } = await subject.upload('in.csv');
      await s3.send(new DeleteObjectCommand({ Bucket, Key: 'in.csv' }));
      const answer = await s3.send(new GetObjectCommand({ Bucket, Key: 'in.csv', VersionId: versionId }));
      expect((await bytesOf(answer.Body as Readable)).toString()).toBe(text);
    },
  },
  {
    title: 'GET of a deleted version is NoSuchVersion, 404',
    usedBy: DOWNLOAD,
    source: `${API}/API_GetObject.html`,
    check: async (subject) => {
      const { s3, uploadsBucket: Bucket } = subject;
      const VersionId = await subject.goneVersion('in.csv');
      const error = await failureOf(s3.send(new GetObjectCommand({ Bucket, Key: 'in.csv', VersionId })));
      expect(error).toEqual(awsFailure('NoSuchVersion', 404));
    },
  },
  {
    title: 'GET of a version of a key that never existed is 404',
    usedBy: 'runner/prepare.ts',
    source: `${API}/API_GetObject.html`,
    check: async (subject) => {
      const { s3, bucket: Bucket } = subject;
      const { VersionId = 'v1' } = await put(subject, 'models/one/model.zip', '1');
      const error = await failureOf(
        s3.send(new GetObjectCommand({ Bucket, Key: 'models/none/model.zip', VersionId })),
      );
      expect(error).toEqual(failureStatus(404));
    },
  },
  {
    title: 'GET of a delete marker by its version is MethodNotAllowed, 405',
    usedBy: DOWNLOAD,
    source: `${GUIDE}/DeleteMarker.html`,
    check: async (subject) => {
      const { s3, uploadsBucket: Bucket } = subject;
      await subject.upload('in.csv');
      const { VersionId } = await s3.send(new DeleteObjectCommand({ Bucket, Key: 'in.csv' }));
      expect(VersionId).toBeDefined();
      const error = await failureOf(s3.send(new GetObjectCommand({ Bucket, Key: 'in.csv', VersionId })));
      expect(error).toEqual(awsFailure('MethodNotAllowed', 405));
    },
  },
  {
    title: 'GET of an archived upload is InvalidObjectState, 403',
    usedBy: DOWNLOAD,
    source: `${API}/API_GetObject.html`,
    check: async (subject) => {
      const { s3, uploadsBucket: Bucket } = subject;
      const { VersionId } = await s3.send(
        new PutObjectCommand({ Bucket, Key: 'in.csv', Body: 'x', StorageClass: 'GLACIER' }),
      );
      const error = await failureOf(s3.send(new GetObjectCommand({ Bucket, Key: 'in.csv', VersionId })));
      expect(error).toEqual(awsFailure('InvalidObjectState', 403));
    },
  },
  {
    title: 'a DELETE of a missing key adds a delete marker',
    source: `${GUIDE}/DeleteMarker.html`,
    check: async (subject) => {
      const { s3, uploadsBucket: Bucket } = subject;
      await s3.send(new DeleteObjectCommand({ Bucket, Key: 'none.csv' }));
      expect((await listVersions(subject)).DeleteMarkers).toHaveLength(1);
    },
  },
  {
    title: 'the versions of a key are listed newest first, each with size and time',
    usedBy: AUDIT,
    source: `${GUIDE}/list-obj-version-enabled-bucket.html`,
    check: async (subject) => {
      const ids = [];
      for (const key of ['b.csv', 'a.csv', 'b.csv']) {
        ids.push((await subject.upload(key)).versionId);
        await subject.wait(1_000);
      }
      const { Versions = [], IsTruncated } = await listVersions(subject);
      expect(IsTruncated).toBe(false);
      expect(Versions.map(({ Key, VersionId }) => [Key, VersionId])).toEqual([
        ['a.csv', ids[1]],
        ['b.csv', ids[2]],
        ['b.csv', ids[0]],
      ]);
      for (const { Size, LastModified } of Versions) {
        expect(Size).toBeGreaterThan(0);
        expect(LastModified).toBeInstanceOf(Date);
      }
    },
  },
  {
    title: 'versions that were written within one second are listed newest first, too',
    usedBy: AUDIT,
    source: `${GUIDE}/list-obj-version-enabled-bucket.html`,
    check: async (subject) => {
      const ids = [];
      for (let count = 0; count < 3; count += 1) ids.push((await subject.upload('a.csv')).versionId);
      const { Versions = [] } = await listVersions(subject);
      expect(Versions.map(({ VersionId }) => VersionId)).toEqual(ids.reverse());
    },
  },
  {
    title: 'pages of versions, joined by their markers, give every version once',
    usedBy: AUDIT,
    source: `${API}/API_ListObjectVersions.html`,
    check: async (subject) => {
      const uploaded = [];
      for (const key of ['a.csv', 'a.csv', 'a.csv', 'b c.csv', 'b+c.csv']) {
        const { versionId } = await subject.upload(key);
        uploaded.push({ key, versionId });
        await subject.wait(1_000);
      }
      const { found, pages } = await versionsByPages(subject, 2);
      expect(pages).toBe(3);
      expect(found.map(({ key }) => key)).toEqual(['a.csv', 'a.csv', 'a.csv', 'b c.csv', 'b+c.csv']);
      expect(new Set(found.map(({ versionId }) => versionId))).toEqual(
        new Set(uploaded.map(({ versionId }) => versionId)),
      );
    },
  },
  {
    title: 'a key marker alone goes on with the next key',
    source: `${API}/API_ListObjectVersions.html`,
    check: async (subject) => {
      for (const key of ['a.csv', 'a.csv', 'b.csv']) await subject.upload(key);
      const { Versions = [] } = await listVersions(subject, { KeyMarker: 'a.csv' });
      expect(Versions.map(({ Key }) => Key)).toEqual(['b.csv']);
    },
  },
  {
    title: 'a marker of a version that is gone goes on with a later key, and loses none',
    usedBy: AUDIT,
    source: `${API}/API_ListObjectVersions.html`,
    check: async (subject) => {
      const VersionIdMarker = await subject.goneVersion('a.csv');
      await subject.upload('b.csv');
      const { Versions = [] } = await listVersions(subject, { KeyMarker: 'a.csv', VersionIdMarker });
      expect(Versions.map(({ Key }) => Key)).toContain('b.csv');
    },
  },
  {
    title: 'an empty bucket has no versions, and no next page',
    usedBy: AUDIT,
    source: `${API}/API_ListObjectVersions.html`,
    check: async (subject) => {
      const page = await listVersions(subject, { MaxKeys: 1000 });
      expect([page.Versions ?? [], page.IsTruncated, page.NextKeyMarker]).toEqual([[], false, undefined]);
    },
  },
  {
    title: 'versions’ keys are form-encoded with EncodingType=url, and decode to the uploaded keys',
    usedBy: AUDIT,
    source: `${API}/API_ListObjectVersions.html`,
    check: async (subject) => {
      for (const key of AWKWARD_KEYS) await subject.upload(key);
      const { Versions = [] } = await listVersions(subject);
      expect(Versions.map(({ Key }) => Key)).toContain('with+blank.csv');
      expect(Versions.map(({ Key }) => Key)).toContain('with%2Bplus.csv');
      expect(Versions.map(({ Key }) => Key)).toContain('deep/er/still.csv');
      expect(Versions.map(({ Key }) => decodeKey(Key!)).sort()).toEqual([...AWKWARD_KEYS].sort());
    },
  },
  {
    title: 'versions are listed in the order of the keys’ UTF-8 bytes, and so are their pages',
    usedBy: AUDIT,
    source: `${GUIDE}/ListingKeysUsingAPIs.html`,
    check: async (subject) => {
      const keys = ['B', '_', 'a', 'ä', '\uFF5E', '😀'];
      for (const key of [...keys].reverse()) await subject.upload(key);
      const { found } = await versionsByPages(subject, 2);
      expect(found.map(({ key }) => key)).toEqual(keys);
    },
  },
];

const LISTS: readonly Case[] = [
  {
    title: 'LIST has the keys of a prefix only, with ETag and the time of the write in whole seconds',
    usedBy: STORE,
    source: `${API}/API_ListObjectsV2.html`,
    check: async (subject) => {
      await subject.wait(1_234);
      for (const key of ['open/a.json', 'opened.json', 'other/a.json']) await put(subject, key, '1');
      const { Contents = [], IsTruncated } = await list(subject, 'open/');
      expect(IsTruncated).toBe(false);
      expect(Contents.map(({ Key }) => Key)).toEqual(['open/a.json']);
      expect(Contents[0]!.LastModified).toBeInstanceOf(Date);
      expect(Contents[0]!.LastModified!.getTime() % 1_000).toBe(0);
    },
  },
  {
    title: 'LIST of a prefix without objects is empty, and has no next page',
    usedBy: STORE,
    source: `${API}/API_ListObjectsV2.html`,
    check: async (subject) => {
      const page = await list(subject, 'none/');
      expect([page.Contents ?? [], page.IsTruncated, page.NextContinuationToken]).toEqual([
        [],
        false,
        undefined,
      ]);
    },
  },
  {
    title: 'pages of LIST, joined by their tokens, give every key once and in order',
    usedBy: STORE,
    source: `${API}/API_ListObjectsV2.html`,
    check: async (subject) => {
      const keys = ['open/1.json', 'open/2.json', 'open/3.json', 'open/4.json', 'open/5.json'];
      for (const key of [...keys].reverse()) await put(subject, key, '1');
      const first = await list(subject, 'open/', { MaxKeys: 2 });
      expect(first.Contents!.map(({ Key }) => Key)).toEqual(keys.slice(0, 2));
      expect(first.IsTruncated).toBe(true);
      const short = new Store(withShortPages(subject.s3, 2), subject.bucket);
      const found = [];
      for await (const { key } of short.list('open/')) found.push(key);
      expect(found).toEqual(keys);
    },
  },
  {
    title: 'a page of exactly all keys has no next page',
    usedBy: STORE,
    source: `${API}/API_ListObjectsV2.html`,
    check: async (subject) => {
      for (const key of ['open/1.json', 'open/2.json']) await put(subject, key, '1');
      const page = await list(subject, 'open/', { MaxKeys: 2 });
      expect([page.IsTruncated, page.NextContinuationToken]).toEqual([false, undefined]);
    },
  },
  {
    title: 'a continuation goes on where it was, although listed keys are deleted meanwhile',
    usedBy: 'lifecycle/settle.ts',
    source: `${API}/API_ListObjectsV2.html`,
    check: async (subject) => {
      const keys = ['open/1.json', 'open/2.json', 'open/3.json', 'open/4.json', 'open/5.json'];
      for (const key of keys) await put(subject, key, '1');
      const short = new Store(withShortPages(subject.s3, 2), subject.bucket);
      const found = [];
      for await (const { key } of short.list('open/')) {
        found.push(key);
        await short.delete(key);
      }
      expect(found).toEqual(keys);
    },
  },
  {
    title: 'StartAfter lists only later keys, on the next pages as well',
    usedBy: STORE,
    source: `${API}/API_ListObjectsV2.html`,
    check: async (subject) => {
      const keys = ['s/1.json', 's/2.json', 's/3.json', 's/4.json', 's/5.json', 's/6.json'];
      for (const key of keys) await put(subject, key, '1');
      const short = new Store(withShortPages(subject.s3, 2), subject.bucket);
      const found = [];
      for await (const { key } of short.list('s/', 's/2.json')) found.push(key);
      expect(found).toEqual(keys.slice(2));
      const between = await list(subject, 's/', { StartAfter: 's/20.json', MaxKeys: 2 });
      expect(between.Contents!.map(({ Key }) => Key)).toEqual(['s/3.json', 's/4.json']);
    },
  },
  {
    title: 'LIST is in the order of the keys’ UTF-8 bytes',
    usedBy: STORE,
    source: `${GUIDE}/ListingKeysUsingAPIs.html`,
    check: async (subject) => {
      const keys = ['o/B', 'o/_', 'o/a', 'o/ä', 'o/\uFF5E', 'o/😀'];
      for (const key of [...keys].reverse()) await put(subject, key, '1');
      const found = [];
      for await (const { key } of store(subject).list('o/')) found.push(key);
      expect(found).toEqual(keys);
    },
  },
  {
    title: 'an object is found under its key by PUT, GET, HEAD, LIST and DELETE, however awkward the key',
    usedBy: STORE,
    source: `${GUIDE}/object-keys.html`,
    check: async (subject) => {
      const records = store(subject);
      for (const key of AWKWARD_KEYS) {
        expect(await records.create(key, { key })).toBe(true);
      }
      for (const key of AWKWARD_KEYS) {
        expect(JSON.parse(await storedText(subject, key))).toMatchObject({ key });
        expect(await records.exists(key)).toBe(true);
      }
      const found = [];
      for await (const { key } of records.list('')) found.push(key);
      expect(found).toEqual([...AWKWARD_KEYS].sort(byBytes));
      for (const key of AWKWARD_KEYS) {
        await records.delete(key);
        expect(await records.exists(key)).toBe(false);
      }
    },
  },
];

/** The minimum size of a part that is not the last one. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const PART_BYTES = 5 * 1024 * 1024;

const transferOf = ({ s3, bucket }: RecordStoreUnderTest, body: Buffer) =>
  new Upload({
    client: s3,
    params: { Bucket: bucket, Key: 'results/big', Body: Readable.from([body]) },
    partSize: PART_BYTES,
  });

const versionsOf = async ({ s3, bucket }: RecordStoreUnderTest, Prefix: string) =>
  (await s3.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix }))).Versions ?? [];

const MULTI_PART: readonly Case[] = [
  {
    title: 'a multi-part upload is one version, with the bytes of its parts in order',
    usedBy: UPLOAD,
    source: `${GUIDE}/mpuoverview.html`,
    check: async (subject) => {
      const body = Buffer.concat([Buffer.alloc(PART_BYTES, 'a'), Buffer.from('the end')]);
      await transferOf(subject, body).done();
      const answer = await get(subject, 'results/big');
      expect((await bytesOf(answer.Body as Readable)).equals(body)).toBe(true);
      expect(await versionsOf(subject, 'results/')).toHaveLength(1);
    },
  },
  {
    title: 'an aborted multi-part upload leaves no object and no version',
    usedBy: UPLOAD,
    source: `${GUIDE}/abort-mpu.html`,
    check: async (subject) => {
      const { s3, bucket: Bucket } = subject;
      const Key = 'results/big';
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
      const part = { Bucket, Key, UploadId, PartNumber: 1, Body: Buffer.from('x') };
      await s3.send(new UploadPartCommand(part));
      await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
      expect(await versionsOf(subject, 'results/')).toEqual([]);
      expect(await store(subject).exists(Key)).toBe(false);
    },
  },
  {
    title: 'a part of an aborted multi-part upload is NoSuchUpload, 404',
    source: `${API}/API_UploadPart.html`,
    check: async (subject) => {
      const { s3, bucket: Bucket } = subject;
      const Key = 'results/big';
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
      const part = { Bucket, Key, UploadId, PartNumber: 1, Body: Buffer.from('x') };
      await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
      expect(await failureOf(s3.send(new UploadPartCommand(part)))).toEqual(awsFailure('NoSuchUpload', 404));
    },
  },
  {
    title: 'the library’s abort of an upload ends it, and leaves no object',
    usedBy: UPLOAD,
    source: `${GUIDE}/abort-mpu.html`,
    check: async (subject) => {
      const transfer = transferOf(subject, Buffer.alloc(PART_BYTES * 2, 'a'));
      const ended = failureOf(transfer.done());
      await transfer.abort();
      expect(awsCodeOf(await ended)).toBe('AbortError');
      expect(await versionsOf(subject, 'results/')).toEqual([]);
    },
  },
  {
    title: 'a multi-part upload takes the parts that its completion names',
    usedBy: UPLOAD,
    source: `${API}/API_CompleteMultipartUpload.html`,
    check: async (subject) => {
      const { s3, bucket: Bucket } = subject;
      const Key = 'results/big';
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
      const upload = { Bucket, Key, UploadId };
      const sent = (PartNumber: number, Body: string) =>
        s3.send(new UploadPartCommand({ ...upload, PartNumber, Body }));
      const one = await sent(1, 'one');
      await sent(2, 'two');
      const Parts = [{ PartNumber: 1, ETag: one.ETag }];
      await s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
      expect(await textOf(subject, Key)).toBe('one');
    },
  },
  {
    title: 'LastModified of a multi-part upload is the time when the upload began',
    usedBy: AUDIT,
    source: `${API}/API_CompleteMultipartUpload.html`,
    check: async (subject) => {
      const { s3, bucket: Bucket } = subject;
      const Key = 'results/big';
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
      const upload = { Bucket, Key, UploadId };
      const { ETag } = await s3.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: 'x' }));
      await put(subject, 'results/after', '1');
      await subject.wait(2_100);
      const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
      await s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload }));
      const { Contents = [] } = await list(subject, 'results/');
      const at = (key: string) => Contents.find((each) => each.Key === key)!.LastModified!.getTime();
      expect(at(Key)).toBeLessThanOrEqual(at('results/after'));
    },
  },
];

const CASES = [...CONDITIONAL, ...READS, ...VERSIONS, ...LISTS, ...MULTI_PART];

/** S3 as the record store, the audit and the drain call it. */
export function describeRecordStoreContract(
  name: string,
  make: () => RecordStoreUnderTest | Promise<RecordStoreUnderTest>,
  differences: KnownDifferences = {},
): void {
  describeContract(`S3 in ${name}`, CASES, make, differences);
}

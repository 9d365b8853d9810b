import { XMLParser } from 'fast-xml-parser';
import type { IncomingCall } from '../wire/call';
import type { Permission, Context } from './permission';
import { decode, s3OperationOf } from '../wire/s3-operation';

/** The permissions that an S3 request needs. https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html */
export function s3Permissions(call: IncomingCall): Permission[] {
  const { bucket, key } = s3OperationOf(call);
  if (bucket === '') return [{ action: 's3:ListAllMyBuckets', resource: '*', context: {} }];
  return key === '' ? bucketPermissions(call, bucket) : objectPermissions(call, bucket, key);
}

/**
 * The permission with which S3 answers 404 for a missing object; without it, 403. The context has no prefix, because S3 lists
 * nothing. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
export function listPermission(bucket: string): Permission {
  return { action: 's3:ListBucket', resource: `arn:aws:s3:::${bucket}`, context: {} };
}

/** The actions that read and write a bucket's settings, by the query parameter that names the setting. */
const SETTINGS: Readonly<Record<string, readonly [read: string, write: string]>> = {
  policy: ['GetBucketPolicy', 'PutBucketPolicy'],
  policyStatus: ['GetBucketPolicyStatus', 'PutBucketPolicy'],
  acl: ['GetBucketAcl', 'PutBucketAcl'],
  notification: ['GetBucketNotification', 'PutBucketNotification'],
  versioning: ['GetBucketVersioning', 'PutBucketVersioning'],
  lifecycle: ['GetLifecycleConfiguration', 'PutLifecycleConfiguration'],
  encryption: ['GetEncryptionConfiguration', 'PutEncryptionConfiguration'],
  publicAccessBlock: ['GetBucketPublicAccessBlock', 'PutBucketPublicAccessBlock'],
  ownershipControls: ['GetBucketOwnershipControls', 'PutBucketOwnershipControls'],
  tagging: ['GetBucketTagging', 'PutBucketTagging'],
  cors: ['GetBucketCORS', 'PutBucketCORS'],
  logging: ['GetBucketLogging', 'PutBucketLogging'],
  website: ['GetBucketWebsite', 'PutBucketWebsite'],
  replication: ['GetReplicationConfiguration', 'PutReplicationConfiguration'],
  requestPayment: ['GetBucketRequestPayment', 'PutBucketRequestPayment'],
  accelerate: ['GetAccelerateConfiguration', 'PutAccelerateConfiguration'],
  'object-lock': ['GetBucketObjectLockConfiguration', 'PutBucketObjectLockConfiguration'],
};

function bucketPermissions(call: IncomingCall, bucket: string): Permission[] {
  const { method, query } = call;
  const resource = `arn:aws:s3:::${bucket}`;
  const on = (operation: string, context: Context = {}): Permission[] => [
    { action: `s3:${operation}`, resource, context },
  ];
  const setting = Object.entries(SETTINGS).find(([name]) => query.has(name));
  if (setting) {
    const [name, [read, write]] = setting;
    if (method === 'DELETE' && name === 'policy') return on('DeleteBucketPolicy');
    return on(method === 'GET' || method === 'HEAD' ? read : write);
  }
  if (query.has('location')) return on('GetBucketLocation');
  if (query.has('uploads')) return on('ListBucketMultipartUploads', listContext(query));
  if (query.has('versions')) return on('ListBucketVersions', listContext(query));
  switch (method) {
    case 'PUT':
      return on('CreateBucket');
    case 'DELETE':
      return on('DeleteBucket');
    case 'POST':
      return query.has('delete')
        ? deletions(call.body).map(({ key, versionId }) => ({
            action: versionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion',
            resource: objectArn(bucket, key),
            context: versionId === undefined ? {} : { 's3:VersionId': versionId },
          }))
        : // A form's key is in its body, which we do not read: an upload by form needs permission to write every key.
          [{ action: 's3:PutObject', resource: objectArn(bucket, '*'), context: creation('true') }];
    default:
      return on('ListBucket', listContext(query));
  }
}

function listContext(query: URLSearchParams): Context {
  const names = ['prefix', 'delimiter', 'max-keys'].filter((name) => query.has(name));
  return Object.fromEntries(names.map((name) => [`s3:${name}`, query.get(name) ?? '']));
}

function objectPermissions(call: IncomingCall, bucket: string, key: string): Permission[] {
  const { method, query } = call;
  const versionId = query.get('versionId');
  const context: Context = {
    ...headerContext(call),
    ...(versionId === null ? {} : { 's3:VersionId': versionId }),
  };
  const resource = objectArn(bucket, key);
  const on = (operation: string, more: Context = {}): Permission => ({
    action: `s3:${operation}`,
    resource,
    context: { ...context, ...more },
  });
  const versioned = (operation: string) =>
    on(versionId === null ? operation : operation.replace('Object', 'ObjectVersion'));
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (query.has('acl')) return [versioned('GetObjectAcl')];
      if (query.has('tagging')) return [versioned('GetObjectTagging')];
      if (query.has('attributes')) return [on('GetObject'), versioned('GetObjectAttributes')];
      if (query.has('retention')) return [on('GetObjectRetention')];
      if (query.has('legal-hold')) return [on('GetObjectLegalHold')];
      if (query.has('uploadId')) return [on('ListMultipartUploadParts')];
      return [versioned('GetObject')];
    case 'DELETE':
      if (query.has('uploadId')) return [on('AbortMultipartUpload')];
      if (query.has('tagging')) return [versioned('DeleteObjectTagging')];
      return [versioned('DeleteObject'), ...readOfCondition(call, on)];
    case 'PUT':
      if (query.has('acl')) return [versioned('PutObjectAcl')];
      if (query.has('tagging')) return [versioned('PutObjectTagging')];
      if (query.has('retention')) return [on('PutObjectRetention')];
      if (query.has('legal-hold')) return [on('PutObjectLegalHold')];
      return writePermissions(call, on, query.has('uploadId') ? 'false' : 'true');
    case 'POST':
      if (query.has('restore')) return [on('RestoreObject')];
      if (query.has('select')) return [on('GetObject')];
      // A multi-part upload creates its object when it is completed.
      return writePermissions(call, on, query.has('uploads') ? 'false' : 'true');
    default:
      return [on(`${method}Object`)];
  }
}

function writePermissions(
  call: IncomingCall,
  on: (operation: string, more?: Context) => Permission,
  creates: 'true' | 'false',
): Permission[] {
  const { headers } = call;
  const source = headers['x-amz-copy-source'];
  return [
    on('PutObject', creation(creates)),
    ...(headers['x-amz-tagging'] === undefined ? [] : [on('PutObjectTagging')]),
    ...(headers['x-amz-acl'] === undefined ? [] : [on('PutObjectAcl')]),
    ...(typeof source === 'string' ? [copyPermission(source)] : []),
    ...readOfCondition(call, on),
  ];
}

/** A comparison with an ETag needs the permission to read. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-delete-enforce.html */
function readOfCondition({ headers }: IncomingCall, on: (operation: string) => Permission): Permission[] {
  const etag = headers['if-match'];
  return etag === undefined || etag === '*' ? [] : [on('GetObject')];
}

function copyPermission(source: string): Permission {
  const [path = '', version] = source.split('?versionId=');
  const [bucket = '', ...key] = path.replace(/^\//, '').split('/');
  return {
    action: version === undefined ? 's3:GetObject' : 's3:GetObjectVersion',
    resource: objectArn(decode(bucket), decode(key.join('/'))),
    context: version === undefined ? {} : { 's3:VersionId': version },
  };
}

function creation(value: 'true' | 'false'): Context {
  return { 's3:ObjectCreationOperation': value };
}

/** Headers that policies can use as condition keys. */
const HEADERS = [
  'x-amz-acl',
  'x-amz-copy-source',
  'x-amz-metadata-directive',
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-storage-class',
  'if-match',
  'if-none-match',
];

function headerContext({ headers }: IncomingCall): Context {
  const present = HEADERS.filter((name) => typeof headers[name] === 'string');
  return Object.fromEntries(present.map((name) => [`s3:${name}`, String(headers[name])]));
}

const isArray = (name: string) => name === 'Object';
const parser = new XMLParser({ parseTagValue: false, trimValues: false, isArray });

function deletions(body: Buffer | undefined): { key: string; versionId: string | undefined }[] {
  const document = parser.parse((body ?? Buffer.alloc(0)).toString()) as {
    Delete?: { Object?: { Key: string; VersionId?: string }[] };
  };
  return (document.Delete?.Object ?? []).map(({ Key, VersionId }) => ({ key: Key, versionId: VersionId }));
}

function objectArn(bucket: string, key: string): string {
  return `arn:aws:s3:::${bucket}/${key}`;
}

import type { CallHead } from './call';

/** The operations of S3 that the local cloud distinguishes. */
export interface S3Operation {
  readonly bucket: string;
  /** Decoded. Empty for an operation on the bucket. */
  readonly key: string;
  readonly name:
    | 'PutObject'
    | 'CopyObject'
    | 'CompleteMultipartUpload'
    | 'PostObject'
    | 'PutBucketNotificationConfiguration'
    | 'GetBucketNotificationConfiguration'
    | 'BucketPolicy'
    | 'DeleteBucket'
    | 'other';
}

/** Query parameters that make a PUT another operation than PutObject. */
const OTHER = ['acl', 'tagging', 'retention', 'legal-hold', 'torrent', 'restore', 'select', 'encryption'];

/** The operation of a path-style S3 request. */
export function s3OperationOf({ path, query, method, headers }: CallHead): S3Operation {
  const slash = path.indexOf('/', 1);
  const bucket = decode(slash < 0 ? path.slice(1) : path.slice(1, slash));
  const key = slash < 0 ? '' : decode(path.slice(slash + 1));
  return { bucket, key, name: nameOf() };

  function nameOf(): S3Operation['name'] {
    if (key === '') return bucketOperation();
    if (method === 'POST') return query.has('uploadId') ? 'CompleteMultipartUpload' : 'other';
    if (method !== 'PUT' || query.has('uploadId')) return 'other';
    if (OTHER.some((name) => query.has(name))) return 'other';
    return headers['x-amz-copy-source'] === undefined ? 'PutObject' : 'CopyObject';
  }

  function bucketOperation(): S3Operation['name'] {
    if (query.has('notification')) {
      if (method === 'PUT') return 'PutBucketNotificationConfiguration';
      if (method === 'GET') return 'GetBucketNotificationConfiguration';
    }
    if (query.has('policy')) return 'BucketPolicy';
    if (method === 'DELETE' && [...query.keys()].every((name) => name === 'x-id')) return 'DeleteBucket';
    const isForm = headers['content-type']?.startsWith('multipart/form-data') ?? false;
    return method === 'POST' && isForm && !query.has('delete') ? 'PostObject' : 'other';
  }
}

/** The text without percent encoding. Text that is not in that form stays. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

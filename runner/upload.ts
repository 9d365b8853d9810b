import { PutObjectCommand } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import pLimit from 'p-limit';
import { attemptPrefix } from '../lifecycle/job';
import type { OpenRecord, Receipt } from '../lifecycle/records';
import type { DrainContext } from './context';
import { JobFailure } from './failures';
import type { JobFolder, OutputFile } from './host';

/** S3's limit on a key, in bytes of UTF-8. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const MAX_KEY_BYTES = 1024;

/**
 * Maximum size of a file that one request sends, which the SDK can retry. Also the minimum size of a larger file's
 * parts.
 */
const PART_BYTES = 8 * 1024 * 1024;

/** Files that are sent in parallel. */
const PARALLEL_UPLOADS = 4;

/**
 * Maximum parts of an upload, some below S3's limit of 10,000.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
 */
const MAX_PARTS = 9_000;

/**
 * Uploads the model's files below the attempt's own prefix. Throws JobFailure before the first upload if a file cannot
 * be a result.
 */
export async function uploadOutputs(
  context: DrainContext,
  { input, jobId }: OpenRecord,
  attempt: number,
  folder: JobFolder,
  signal: AbortSignal,
): Promise<Receipt['outputs']> {
  const prefix = attemptPrefix(input.key, jobId, attempt);
  const files = await folder.outputs();
  for (const { path } of files) requireShortKey(prefix, path);
  const limit = pLimit(PARALLEL_UPLOADS);
  const uploads = files.map((file) =>
    limit(async () => {
      signal.throwIfAborted();
      await upload(context, prefix + file.path, file, signal);
      return { key: prefix + file.path, sizeBytes: file.sizeBytes };
    }),
  );
  // Wait for all: no upload may still run when the attempt ends.
  await Promise.allSettled(uploads);
  return Promise.all(uploads);
}

async function upload({ s3, config }: DrainContext, key: string, file: OutputFile, signal: AbortSignal) {
  const target = { Bucket: config.outputBucket, Key: key };
  if (file.sizeBytes <= PART_BYTES) {
    await s3.send(new PutObjectCommand({ ...target, Body: await file.readAll() }), { abortSignal: signal });
    return;
  }
  const transfer = new Upload({
    client: s3,
    params: { ...target, Body: file.read() },
    partSize: Math.max(PART_BYTES, Math.ceil(file.sizeBytes / MAX_PARTS)),
  });
  const abort = () => void transfer.abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await transfer.done();
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function requireShortKey(prefix: string, path: string): void {
  const bytes = Buffer.byteLength(prefix + path);
  if (bytes <= MAX_KEY_BYTES) return;
  const over = bytes - MAX_KEY_BYTES;
  const message = `the model's file ${path} has too long a name for S3, by ${over} bytes; shorten it or the upload's key`;
  throw new JobFailure('output name', message);
}

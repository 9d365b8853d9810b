import {
  CopyObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  type HeadObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { httpStatusOf } from '../../lifecycle/errors';
import { jobIdOf, openKey, receiptKey, shortId } from '../../lifecycle/job';
import { modelFor } from '../../lifecycle/model';
import { receiptSchema, type Receipt } from '../../lifecycle/records';
import { BrokenError, UsageError } from '../console/exit';
import { failureReason } from './failure-reason';
import { findReceipt } from './find-job';
import type { CommandResult, PipelineHandle } from './connect';

/** Metadata key of the copy; its value is the failed job. A second `retry` finds the first one by it. */
const RETRY_OF = 'lamplighter-retry-of';

/** Largest object that S3 copies in one call, in bytes. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html */
const MAX_COPY_BYTES = 5 * 1024 ** 3;

/** Maximum number of newer versions of the key that are read. */
const NEWER_READ = 50;

/**
 * Runs a failed job's upload again, as a new job: a receipt ends its job for good. It copies the upload's version onto its
 * own key, which makes a new version. The failed receipt stays.
 *
 * Throws UsageError when the job has not failed, when its upload is deleted, or when the key has a newer upload (`anyway`
 * allows that).
 */
export async function retry(handle: PipelineHandle, prefix: string, anyway: boolean): Promise<CommandResult> {
  return retryReceipt(handle, await findReceipt(handle, prefix), anyway);
}

/** As `retry`, when the receipt is known already. */
export async function retryReceipt(
  handle: PipelineHandle,
  receipt: Receipt,
  anyway: boolean,
): Promise<CommandResult> {
  const { jobId, input, outcome } = receipt;
  const short = shortId(jobId);
  if (outcome !== 'failed') {
    throw new UsageError(
      `The job ${short} (${input.key}) has succeeded: there is nothing to retry. To run it again, upload the file again.`,
    );
  }
  if (!modelFor(input, handle.manifest.models)) {
    throw new UsageError(
      `No model of the pipeline accepts "${input.key}" any more: a copy of the upload would not run.`,
    );
  }
  const head = await headUpload(handle, receipt);
  const newer = await newerVersions(handle, receipt);
  const earlier = newer.find(({ retryOf }) => retryOf === jobId);
  if (earlier) return alreadyRetried(handle, receipt, earlier.versionId);
  const [latest] = newer;
  if (latest && !anyway) {
    throw new UsageError(
      `"${input.key}" has a newer upload than the job ${short} (${latest.uploadedAt}): a copy of the failed version ` +
        'would replace it. To retry all the same: --anyway',
    );
  }

  const versionId = await copyOntoItself(handle, receipt, head);
  const newJobId = jobIdOf({ ...input, versionId });
  return {
    changed: true,
    lines: [
      `The job ${short} (${input.key}) failed: ${failureReason(receipt) ?? 'no reason is given'}`,
      `Its upload has been copied onto its own key: s3://${input.bucket}/${input.key}, version ${versionId}`,
      `A new version is a new job: ${shortId(newJobId)}. The failed receipt stays where it is.`,
    ],
    facts: { jobId, newJobId, bucket: input.bucket, key: input.key, versionId, newJob: 'uploaded' },
  };
}

async function headUpload({ target }: PipelineHandle, { jobId, input }: Receipt) {
  const { bucket: Bucket, key: Key, versionId: VersionId } = input;
  let head;
  try {
    head = await target.clients.s3.send(new HeadObjectCommand({ Bucket, Key, VersionId }));
  } catch (cause) {
    const status = httpStatusOf(cause);
    if (status !== 404 && status !== 405) throw cause;
    throw new UsageError(
      `The upload of the job ${shortId(jobId)} (${Key}, version ${VersionId}) has been deleted: upload the file again.`,
      { cause },
    );
  }
  if ((head.ContentLength ?? 0) > MAX_COPY_BYTES) {
    throw new UsageError(
      `"${Key}" is larger than the 5 GiB that S3 copies in one call: upload the file again.`,
    );
  }
  return head;
}

/** Versions of the key that are newer than the job's, the newest first. */
async function newerVersions({ target }: PipelineHandle, { input }: Receipt) {
  const { bucket: Bucket, key: Key } = input;
  const { s3 } = target.clients;
  const page = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: Key, MaxKeys: 1000 }));
  const versions = (page.Versions ?? []).filter((version) => version.Key === Key);
  const own = versions.findIndex(({ VersionId }) => VersionId === input.versionId);
  const newer = own < 0 ? versions : versions.slice(0, own);
  return Promise.all(
    newer.slice(0, NEWER_READ).map(async ({ VersionId = '', LastModified }) => {
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key, VersionId }));
      return {
        versionId: VersionId,
        uploadedAt: LastModified?.toISOString() ?? 'at an unknown time',
        retryOf: head.Metadata?.[RETRY_OF],
      };
    }),
  );
}

async function alreadyRetried(
  handle: PipelineHandle,
  { jobId, input }: Receipt,
  versionId: string,
): Promise<CommandResult> {
  const newJobId = jobIdOf({ ...input, versionId });
  const stored = await handle.output.get(receiptKey(input.key, newJobId), receiptSchema);
  const isOpen = await handle.control.exists(openKey(newJobId));
  const newJob = stored?.record.outcome ?? (isOpen ? 'open' : 'uploaded');
  const short = shortId(newJobId);
  const lines = [
    `The job ${shortId(jobId)} has already been retried: its copy is the job ${short} (${newJob}).`,
  ];
  if (newJob === 'failed') lines.push(`To retry again: npx lamplighter retry ${short}`);
  const { bucket, key } = input;
  return { changed: false, lines, facts: { jobId, newJobId, bucket, key, versionId, newJob } };
}

/** Copies a version onto its own key. S3 requires that such a copy changes something: this one changes the metadata. */
async function copyOntoItself(
  { target }: PipelineHandle,
  { jobId, input }: Receipt,
  head: HeadObjectCommandOutput,
): Promise<string> {
  const { bucket: Bucket, key: Key, versionId } = input;
  const { VersionId } = await target.clients.s3.send(
    new CopyObjectCommand({
      Bucket,
      Key,
      CopySource: `${Bucket}/${encodeURIComponent(Key)}?versionId=${encodeURIComponent(versionId)}`,
      MetadataDirective: 'REPLACE',
      Metadata: { ...head.Metadata, [RETRY_OF]: jobId },
      ContentType: head.ContentType,
      ContentEncoding: head.ContentEncoding,
      ContentLanguage: head.ContentLanguage,
      ContentDisposition: head.ContentDisposition,
      CacheControl: head.CacheControl,
    }),
  );
  if (VersionId === undefined) {
    throw new BrokenError(
      `${Bucket} gave "${Key}" no version: versioning is off. Deploy the pipeline again.`,
    );
  }
  return VersionId;
}

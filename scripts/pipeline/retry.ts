import {
  CopyObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  type HeadObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { httpStatusOf } from '../../lifecycle/errors';
import { jobIdOf, openKey, receiptKey } from '../../lifecycle/job';
import { modelFor } from '../../lifecycle/model';
import { receiptSchema, type Receipt } from '../../lifecycle/records';
import { BrokenError, UsageError } from '../console/exit';
import { failureReason } from './failure-reason';
import { findReceipt } from './find-job';
import type { CommandResult, PipelineHandle } from './connect';

/** In the metadata of the copy: the job that it is a retry of, so that a second `retry` finds the first. */
const RETRY_OF = 'lamplighter-retry-of';

/** S3 copies no more in one call. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html */
const MAX_COPY_BYTES = 5 * 1024 ** 3;

/** Newer versions of the key that are looked at. */
const NEWER_LOOKED_AT = 50;

/**
 * Runs a failed job's upload again. A receipt ends its job for good, so this makes another job: the upload's version is
 * copied onto its own key, and a new version is a new job. The failed receipt stays. Throws UsageError when the job has not
 * failed, its upload is gone, or somebody has uploaded to the key since (`anyway` overrides that).
 */
export async function retry(handle: PipelineHandle, prefix: string, anyway: boolean): Promise<CommandResult> {
  return retryReceipt(handle, await findReceipt(handle, prefix), anyway);
}

/** `retry`, of a job whose receipt is known. */
export async function retryReceipt(
  handle: PipelineHandle,
  receipt: Receipt,
  anyway: boolean,
): Promise<CommandResult> {
  const { jobId, input, outcome } = receipt;
  const short = jobId.slice(0, 12);
  if (outcome !== 'failed') {
    throw new UsageError(
      `The job ${short} (${input.key}) has succeeded: there is nothing to retry. To run it again, upload the file again.`,
    );
  }
  if (!modelFor(input, handle.manifest.models)) {
    throw new UsageError(
      `No model of the pipeline takes "${input.key}" any more: a copy of it would not be run.`,
    );
  }
  const head = await headOf(handle, receipt);
  const newer = await newerVersions(handle, receipt);
  const earlier = newer.find(({ retryOf }) => retryOf === jobId);
  if (earlier) return retriedAlready(handle, receipt, earlier.versionId);
  const [latest] = newer;
  if (latest && !anyway) {
    throw new UsageError(
      `"${input.key}" has been uploaded again since the job ${short} (${latest.uploadedAt}): a copy of the failed version ` +
        'would stand in front of that. Say --anyway if it shall.',
    );
  }

  const versionId = await copyOntoItself(handle, receipt, head);
  const newJobId = jobIdOf({ ...input, versionId });
  return {
    changed: true,
    lines: [
      `The job ${short} (${input.key}) failed: ${failureReason(receipt) ?? 'no reason is given'}`,
      `Its upload is copied onto itself: s3://${input.bucket}/${input.key}, version ${versionId}`,
      `A new version is a new job: ${newJobId.slice(0, 12)}. The failed receipt stays where it is.`,
    ],
    facts: { jobId, newJobId, bucket: input.bucket, key: input.key, versionId, newJob: 'uploaded' },
  };
}

async function headOf(
  { target }: PipelineHandle,
  { jobId, input }: Receipt,
): Promise<HeadObjectCommandOutput> {
  const { bucket: Bucket, key: Key, versionId: VersionId } = input;
  let head;
  try {
    head = await target.clients.s3.send(new HeadObjectCommand({ Bucket, Key, VersionId }));
  } catch (cause) {
    const status = httpStatusOf(cause);
    if (status !== 404 && status !== 405) throw cause;
    throw new UsageError(
      `The upload of the job ${jobId.slice(0, 12)} (${Key}, version ${VersionId}) has been deleted: upload the file again.`,
      { cause },
    );
  }
  if ((head.ContentLength ?? 0) > MAX_COPY_BYTES) {
    throw new UsageError(`"${Key}" is larger than the 5 GiB that S3 copies: upload the file again.`);
  }
  return head;
}

interface Newer {
  readonly versionId: string;
  readonly uploadedAt: string;
  readonly retryOf: string | undefined;
}

/** The versions of the key that are newer than the job's, the newest first. */
async function newerVersions({ target }: PipelineHandle, { input }: Receipt): Promise<Newer[]> {
  const { bucket: Bucket, key: Key } = input;
  const { s3 } = target.clients;
  const page = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: Key, MaxKeys: 1000 }));
  const versions = (page.Versions ?? []).filter((version) => version.Key === Key);
  const own = versions.findIndex(({ VersionId }) => VersionId === input.versionId);
  const newer = own < 0 ? versions : versions.slice(0, own);
  return Promise.all(
    newer.slice(0, NEWER_LOOKED_AT).map(async ({ VersionId = '', LastModified }) => {
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key, VersionId }));
      return {
        versionId: VersionId,
        uploadedAt: LastModified?.toISOString() ?? 'at an unknown time',
        retryOf: head.Metadata?.[RETRY_OF],
      };
    }),
  );
}

async function retriedAlready(
  handle: PipelineHandle,
  { jobId, input }: Receipt,
  versionId: string,
): Promise<CommandResult> {
  const newJobId = jobIdOf({ ...input, versionId });
  const stored = await handle.output.get(receiptKey(input.key, newJobId), receiptSchema);
  const isOpen = await handle.control.exists(openKey(newJobId));
  const newJob = stored?.record.outcome ?? (isOpen ? 'open' : 'uploaded');
  const short = newJobId.slice(0, 12);
  const lines = [
    `The job ${jobId.slice(0, 12)} was retried already: its copy is the job ${short}, ${newJob}.`,
  ];
  if (newJob === 'failed') lines.push(`To try once more, say: npx lamplighter retry ${short}`);
  const { bucket, key } = input;
  return { changed: false, lines, facts: { jobId, newJobId, bucket, key, versionId, newJob } };
}

/** S3 refuses a copy onto itself that changes nothing; what changes is the note of where it came from. */
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

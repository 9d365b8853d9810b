import { ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { decodeKey, jobIdOf, openKey, receiptKey } from '../../lifecycle/job';
import { modelFor } from '../../lifecycle/model';
import type { PipelineHandle } from './connect';

/** Time that S3 gets to deliver an upload's event, in milliseconds. Most events take seconds, some more than a minute. */
export const EVENT_GRACE_MS = 5 * 60_000;

const PAGE_VERSIONS = 1_000;

/** One version of one key in the data bucket. */
export interface ListedUpload {
  readonly jobId: string;
  readonly key: string;
  readonly versionId: string;
  readonly uploadedAt: Date | undefined;
  readonly sizeBytes: number;
}

/** Lists the versions of all keys that a model accepts. */
export async function* listUploads({
  target,
  manifest,
}: Pick<PipelineHandle, 'target' | 'manifest'>): AsyncGenerator<ListedUpload> {
  const bucket = manifest.dataBucket;
  let marker: Marker | undefined = {};
  while (marker) {
    const page: Awaited<ReturnType<typeof listPage>> = await listPage(target, bucket, marker);
    for (const {
      Key,
      VersionId: versionId,
      LastModified: uploadedAt,
      Size: sizeBytes = 0,
    } of page.Versions ?? []) {
      if (Key === undefined || versionId === undefined) continue;
      const key = decodeKey(Key);
      if (!modelFor({ key }, manifest.models)) continue;
      yield { jobId: jobIdOf({ bucket, key, versionId }), key, versionId, uploadedAt, sizeBytes };
    }
    marker =
      page.IsTruncated === true && page.NextKeyMarker !== undefined
        ? { KeyMarker: decodeKey(page.NextKeyMarker), VersionIdMarker: page.NextVersionIdMarker }
        : undefined;
  }
}

interface Marker {
  readonly KeyMarker?: string | undefined;
  readonly VersionIdMarker?: string | undefined;
}

function listPage({ clients }: PipelineHandle['target'], bucket: string, marker: Marker) {
  const page = { Bucket: bucket, MaxKeys: PAGE_VERSIONS, EncodingType: 'url', ...marker } as const;
  return clients.s3.send(new ListObjectVersionsCommand(page));
}

/**
 * Whether the upload has a job, open or ended. The receipt is read last, because a drain creates it before it deletes the
 * open record.
 */
export async function hasJob(
  { control, output }: PipelineHandle,
  { key, jobId }: Pick<ListedUpload, 'key' | 'jobId'>,
): Promise<boolean> {
  return (await control.exists(openKey(jobId))) || (await output.exists(receiptKey(key, jobId)));
}

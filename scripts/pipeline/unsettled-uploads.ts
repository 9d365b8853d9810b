import { ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import type { Clock } from '../../lifecycle/clock';
import { decodeListedKey } from '../../lifecycle/events';
import { jobIdOf, openKey, receiptKey } from '../../lifecycle/job';
import { modelFor } from '../../lifecycle/model';
import type { PipelineHandle } from './connect';
import type { Facts, LostUpload } from '../doctor/facts';

/** S3's events usually come within seconds, sometimes after a minute or more. */
export const EVENT_GRACE_MS = 5 * 60_000;

const PAGE_VERSIONS = 1_000;
const REQUESTS_AT_ONCE = 8;

/** Compares the first versions, by name, with open records and receipts: what has neither is nobody's job. */
export async function lookAtUploads(
  handle: PipelineHandle,
  clock: Clock,
  checks: number,
): Promise<NonNullable<Facts['uploads']>> {
  const due: ListedUpload[] = [];
  let isWhole = true;
  for await (const upload of uploads(handle)) {
    if ((upload.uploadedAt?.getTime() ?? 0) > clock.now() - EVENT_GRACE_MS) continue;
    isWhole = due.length < checks;
    if (!isWhole) break;
    due.push(upload);
  }
  const limit = pLimit(REQUESTS_AT_ONCE);
  const lost = await Promise.all(
    due.map((upload) => limit(async () => ((await isKnown(handle, upload)) ? [] : [upload]))),
  );
  return {
    looked: due.length,
    isWhole,
    lost: lost.flat().map(({ sizeBytes: _sizeBytes, ...upload }) => upload),
  };
}

export interface ListedUpload extends LostUpload {
  readonly sizeBytes: number;
}

/** The versions that some model takes. */
export async function* uploads({
  target,
  manifest,
}: Pick<PipelineHandle, 'target' | 'manifest'>): AsyncGenerator<ListedUpload> {
  const bucket = manifest.dataBucket;
  let marker: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } | undefined = {};
  while (marker) {
    const page: Awaited<ReturnType<typeof listPage>> = await listPage(target, bucket, marker);
    for (const {
      Key,
      VersionId: versionId,
      LastModified: uploadedAt,
      Size: sizeBytes = 0,
    } of page.Versions ?? []) {
      if (Key === undefined || versionId === undefined) continue;
      const key = decodeListedKey(Key);
      if (!modelFor({ key }, manifest.models)) continue;
      yield { jobId: jobIdOf({ bucket, key, versionId }), key, versionId, uploadedAt, sizeBytes };
    }
    marker =
      page.IsTruncated === true && page.NextKeyMarker !== undefined
        ? { KeyMarker: decodeListedKey(page.NextKeyMarker), VersionIdMarker: page.NextVersionIdMarker }
        : undefined;
  }
}

function listPage(
  { clients }: PipelineHandle['target'],
  bucket: string,
  marker: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined },
) {
  const page = { Bucket: bucket, MaxKeys: PAGE_VERSIONS, EncodingType: 'url', ...marker } as const;
  return clients.s3.send(new ListObjectVersionsCommand(page));
}

/** The receipt is looked for last: a job that ends meanwhile has it before its open record goes. */
export async function isKnown(
  { control, output }: PipelineHandle,
  { key, jobId }: LostUpload,
): Promise<boolean> {
  return (await control.exists(openKey(jobId))) || (await output.exists(receiptKey(key, jobId)));
}

import { timestamp } from './clock';
import type { LedgerContext } from './context';
import { InvalidInputError } from './errors';
import { NO_VERSION, jobIdOf, openKey, receiptKey, type Upload } from './job';
import { modelFor, type DeployedModel } from './model';
import { OPEN_METADATA, uploadTimeSchema, type OpenRecord } from './records';
import type { Metadata, Store } from './store';

/** An upload as an S3 event or a listing of versions reports it. */
export interface ReportedUpload extends Upload {
  readonly sizeBytes: number;
  /** ISO 8601. */
  readonly uploadedAt?: string | undefined;
}

/**
 * `admitted`: this call opened the job. `open`: the job was open before. `done`: the job has its receipt.
 * `not taken`: no model accepts the key.
 */
export type Admission = 'admitted' | 'open' | 'done' | 'not taken';

/** Difference from which on two times are not of one upload, in milliseconds. S3's events and its lists differ by seconds. */
const ONE_UPLOAD_MS = 60_000;

/**
 * Opens the job of an upload. Idempotent: after a duplicate or late event, `admit` finds the receipt or the open record.
 * The open record pins the model's version and bounds, so that a later deploy does not change an admitted job. Throws
 * InvalidInputError for an upload that has replaced another one, because the bucket is not versioned.
 */
export async function admit(
  context: LedgerContext,
  upload: ReportedUpload,
  by: 'event' | 'audit',
): Promise<Admission> {
  const model = modelFor(upload, context.models);
  // A1
  if (!model) return 'not taken';
  const jobId = jobIdOf(upload);
  // A2: the job has ended.
  if (await context.output.exists(receiptKey(upload.key, jobId))) {
    await refuseReplacement(context.output, receiptKey(upload.key, jobId), upload);
    return 'done';
  }

  const record: Omit<OpenRecord, 'nonce'> = {
    version: 1,
    jobId,
    input: {
      bucket: upload.bucket,
      key: upload.key,
      versionId: upload.versionId,
      sizeBytes: upload.sizeBytes,
    },
    model: { name: model.name, digest: model.digest, zipKey: model.zipKey, zipVersionId: model.zipVersionId },
    uploadedAt: upload.uploadedAt,
    admittedAt: timestamp(context.clock),
    admittedBy: by,
  };
  if (await context.control.create(openKey(jobId), record, pinnedBounds(model))) return 'admitted';
  await refuseReplacement(context.control, openKey(jobId), upload);
  return 'open';
}

/** Without versions, all uploads of a key have one job id. The job of the first one must not hide that the second one is lost. */
async function refuseReplacement(store: Store, recordKey: string, upload: ReportedUpload): Promise<void> {
  if (upload.versionId !== NO_VERSION || upload.uploadedAt === undefined) return;
  const { record } = await store.read(recordKey, uploadTimeSchema);
  if (record?.uploadedAt === undefined) return;
  if (Math.abs(Date.parse(upload.uploadedAt) - Date.parse(record.uploadedAt)) <= ONE_UPLOAD_MS) return;
  throw new InvalidInputError(
    `${upload.bucket} is not versioned: the upload of ${JSON.stringify(upload.key)} at ${upload.uploadedAt} has replaced that ` +
      `of ${record.uploadedAt}, which has a job. Deploy again, and upload the file again under another key`,
  );
}

/**
 * A4: the bounds of the model's card. A drain reads them even if the card is not on its disk, such as after a failed download
 * of the model. A bound that is absent here is the card's default.
 */
function pinnedBounds({ maxAttempts, maxInterruptions }: DeployedModel): Metadata {
  return {
    ...(maxAttempts !== undefined && { [OPEN_METADATA.maxAttempts]: String(maxAttempts) }),
    ...(maxInterruptions !== undefined && { [OPEN_METADATA.maxInterruptions]: String(maxInterruptions) }),
  };
}

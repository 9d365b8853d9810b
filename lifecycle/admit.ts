import { timestamp } from './clock';
import type { LedgerContext } from './context';
import { jobIdOf, openKey, receiptKey, type Upload } from './job';
import { modelFor, type DeployedModel } from './model';
import { OPEN_METADATA, type OpenRecord } from './records';
import type { Metadata } from './store';

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

/**
 * Opens the job of an upload. Idempotent: after a duplicate or late event, `admit` finds the receipt or the open record.
 * The open record pins the model's version and bounds, so that a later deploy does not change an admitted job.
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
  if (await context.output.exists(receiptKey(upload.key, jobId))) return 'done';

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
  return (await context.control.create(openKey(jobId), record, pinnedBounds(model))) ? 'admitted' : 'open';
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

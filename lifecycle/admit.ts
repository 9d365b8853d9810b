import { timestamp } from './clock';
import type { LedgerContext } from './context';
import { jobIdOf, openKey, receiptKey, type Upload } from './job';
import { modelFor } from './model';
import type { OpenRecord } from './records';

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
 * The open record pins the model's version, so that a later deploy does not change an admitted job.
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
  return (await context.control.create(openKey(jobId), record)) ? 'admitted' : 'open';
}

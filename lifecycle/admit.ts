import { timestamp } from './clock';
import type { LedgerContext } from './context';
import { jobIdOf, openKey, receiptKey, type Upload } from './job';
import { modelFor } from './model';
import type { OpenRecord } from './records';

/** An upload as an event or a listing tells of it. */
export interface SeenUpload extends Upload {
  readonly sizeBytes: number;
  /** ISO 8601. */
  readonly uploadedAt?: string | undefined;
}

/** `admitted`: the job is open now; `open`: it was already; `done`: it has its receipt; `not taken`: no model takes it. */
export type Admission = 'admitted' | 'open' | 'done' | 'not taken';

/**
 * Makes a job of an upload unless it has been one. Idempotent: a duplicate or late event finds the receipt or the open
 * record. The record pins the model, so that a later deploy does not change a job already admitted.
 */
export async function admit(
  context: LedgerContext,
  upload: SeenUpload,
  by: 'event' | 'audit',
): Promise<Admission> {
  const model = modelFor(upload, context.models);
  if (!model) return 'not taken';
  const jobId = jobIdOf(upload);
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

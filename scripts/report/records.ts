import { z } from 'zod';

/**
 * The fields of receipts and sessions that a report reads. These schemas are looser than the pipeline's own:
 * the receipts of a year were written by more than one version. An unknown field must not hide a job.
 */
const time = z.iso.datetime();
const seconds = z.int().min(0);

export const reportedReceiptSchema = z.looseObject({
  jobId: z.string().min(1),
  outcome: z.enum(['succeeded', 'failed']),
  input: z.looseObject({ key: z.string(), sizeBytes: z.number().min(0).catch(0) }),
  model: z.looseObject({ name: z.string() }),
  attempt: z.number().min(0).catch(1),
  uploadedAt: time.optional().catch(undefined),
  admittedAt: time,
  claimedAt: time.optional().catch(undefined),
  startedAt: time.optional().catch(undefined),
  endedAt: time,
  outputs: z
    .array(z.looseObject({ key: z.string(), sizeBytes: z.number().min(0).catch(0) }))
    .optional()
    .catch(undefined),
  error: z.looseObject({ kind: z.string(), message: z.string() }).optional().catch(undefined),
  stderrTail: z.string().optional().catch(undefined),
  instance: z.looseObject({ bootId: z.string() }).optional().catch(undefined),
  /** The job's own on-time, if the drain that wrote the receipt counted it. */
  bill: z
    .looseObject({ session: time, bootSeconds: seconds, idleSeconds: seconds, runSeconds: seconds })
    .optional()
    .catch(undefined),
});

export type ReportedReceipt = z.infer<typeof reportedReceiptSchema>;

export const sessionSchema = z.looseObject({
  launchedAt: time,
  stoppedAt: time.optional().catch(undefined),
  /** The session's end was found later, and may have been somewhat earlier or later. */
  approximate: z.literal(true).optional().catch(undefined),
});

export type Session = z.infer<typeof sessionSchema>;

import { z } from 'zod';
import { InvalidInputError } from './errors';
import { isJobId, jobIdOf } from './job';
import { modelRefSchema } from './model';

const time = z.iso.datetime();
const jobId = z.string().refine(isJobId, 'a job id is 64 hexadecimal digits');
const input = z.strictObject({
  bucket: z.string().min(1),
  key: z.string().min(1),
  versionId: z.string().min(1),
  sizeBytes: z.int().min(0),
});

/** `open/<jobId>.json`: the job is open. Written once, never changed. */
export const openRecordSchema = z
  .strictObject({
    version: z.literal(1),
    jobId,
    input,
    model: modelRefSchema,
    uploadedAt: time.optional(),
    admittedAt: time,
    /** `event`, `audit` or `retry`. */
    admittedBy: z.string(),
    nonce: z.string(),
  })
  .refine((record) => record.jobId === jobIdOf(record.input), 'jobId is not the hash of the input');

export type OpenRecord = z.infer<typeof openRecordSchema>;

/** `claims/<jobId>.json`: one attempt at a job by one drain. */
export const claimSchema = z.strictObject({
  version: z.literal(1),
  jobId,
  /** 1 for the first attempt. */
  attempt: z.int().min(1),
  /** The instance's boot. A claim of an earlier boot is dead. */
  bootId: z.string().min(1),
  drainId: z.string().min(1),
  claimedAt: time,
  leaseUntil: time,
  /** Why the attempt ended without a receipt. A drain may take over a released claim at once. */
  released: z.string().optional(),
  nonce: z.string(),
});

export type Claim = z.infer<typeof claimSchema>;

/** `status/<jobId>.json`: progress for people. Written by a plain overwrite. No rule reads it. */
export const statusSchema = z.strictObject({
  version: z.literal(1),
  jobId,
  attempt: z.int().min(1),
  phase: z.enum(['preparing', 'downloading', 'running', 'uploading']),
  /** From 0 to 1, as the model reported it. */
  progress: z.number().min(0).max(1).optional(),
  message: z.string().optional(),
  at: time,
});

export type Status = z.infer<typeof statusSchema>;

/** `status/drain.json`: the drain's last action. Shows whether a wake-up did work. Written by a plain overwrite. */
export const drainStatusSchema = z.strictObject({
  version: z.literal(1),
  did: z.enum(['claimed', 'ended']),
  jobId,
  drainId: z.string(),
  bootId: z.string(),
  at: time,
  /** The machine's seconds that are on receipts of this boot so far. Bills do not use it. */
  billed: z.strictObject({ session: time, seconds: z.int().min(0) }).optional(),
});

export type DrainStatus = z.infer<typeof drainStatusSchema>;

/** `gate.json`: whether a drain may begin a job. */
export const gateSchema = z.strictObject({
  version: z.literal(1),
  state: z.enum(['OPEN', 'CLOSING', 'CLOSED']),
  since: time,
  /** The writer: the function and its request id. */
  by: z.string(),
  /** The breaker's count: consecutive wake-ups that ended without work. */
  fruitless: z.int().min(0).default(0),
  /** The ETag of `status/drain.json` when the breaker last found new work. */
  progressMark: z.string().default(''),
  /** When the breaker last found new work or counted an end. Distinguishes a silent drain from one that just started. */
  progressAt: time.optional(),
  /** The last counted end of a wake-up. An event that EventBridge delivers twice counts once. */
  lastEnd: z.string().default(''),
  nonce: z.string(),
});

export type Gate = z.infer<typeof gateSchema>;

/** A job's part of the machine's on-time, in whole seconds. No second is on two receipts. */
const billSchema = z.strictObject({
  /** When the machine booted, by its own clock. The bill belongs to the session that was on at that time. */
  session: time,
  /** Seconds from the boot to the start of its first job. */
  bootSeconds: z.int().min(0),
  /** Seconds without a job since the previous receipt. */
  idleSeconds: z.int().min(0),
  /** Seconds with this job, or its share of the seconds with several in parallel. Includes attempts without a receipt. */
  runSeconds: z.int().min(0),
});

export type Bill = z.infer<typeof billSchema>;

/** `sessions/<launch>.json`: one on-time of the instance, for bills. No rule reads it. */
export const sessionSchema = z.strictObject({
  version: z.literal(1),
  /** EC2's LaunchTime, a whole second. */
  launchedAt: time,
  /** When EC2 began to stop the instance, a whole second. Absent until the instance is known to have stopped. */
  stoppedAt: time.optional(),
  /** True: EC2 did not report the time, and `stoppedAt` is the time of the event or of the sweep that noticed the stop. */
  approximate: z.literal(true).optional(),
  /** Seconds on no receipt, according to the drain's last trace. Bills do not use it: they come from the receipts. */
  tailSeconds: z.int().min(0).optional(),
  nonce: z.string(),
});

export type Session = z.infer<typeof sessionSchema>;

/** `results/<input key>/<jobId>/receipt.json`: the end of the job, success or failure. Created once, never changed. */
export const receiptSchema = z.strictObject({
  version: z.literal(1),
  jobId,
  outcome: z.enum(['succeeded', 'failed']),
  pipeline: z.string(),
  input,
  model: modelRefSchema,
  /** The attempt that counts. */
  attempt: z.int().min(0),
  uploadedAt: time.optional(),
  admittedAt: time,
  claimedAt: time.optional(),
  startedAt: time.optional(),
  endedAt: time,
  /** How the model's process ended. Absent if it never started. */
  exit: z.strictObject({ code: z.int().nullable(), signal: z.string().nullable() }).optional(),
  /** The model's files in the output bucket, with their full keys. */
  outputs: z.array(z.strictObject({ key: z.string(), sizeBytes: z.int().min(0) })),
  /** The problem and the remedy. Absent on success. */
  error: z.strictObject({ kind: z.string(), message: z.string() }).optional(),
  /** The last lines of the model's stderr. Present after a failed run. */
  stderrTail: z.string().optional(),
  instance: z.strictObject({ bootId: z.string(), drainId: z.string() }),
  /** Absent if the machine could not count its seconds. */
  bill: billSchema.optional(),
  nonce: z.string(),
});

export type Receipt = z.infer<typeof receiptSchema>;

/**
 * Parses a record. Throws InvalidInputError that names the object if the text is not JSON or has another shape.
 */
export function parseRecord<T>(schema: z.ZodType<T>, name: string, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InvalidInputError(`${name} is not JSON`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(`${name} has an unexpected shape: ${z.prettifyError(parsed.error)}`, {
    cause: parsed.error,
  });
}

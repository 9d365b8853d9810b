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

/** `open/<jobId>.json`: the job is still to do. Written once, never changed. */
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
  /** The instance's boot, so that a claim of an earlier boot is known to be dead. */
  bootId: z.string().min(1),
  drainId: z.string().min(1),
  claimedAt: time,
  leaseUntil: time,
  /** Why the attempt ended without a receipt; a released claim may be taken over at once. */
  released: z.string().optional(),
  nonce: z.string(),
});

export type Claim = z.infer<typeof claimSchema>;

/** `status/<jobId>.json`: progress for people. Plain overwrite; nothing is decided by it. */
export const statusSchema = z.strictObject({
  version: z.literal(1),
  jobId,
  attempt: z.int().min(1),
  phase: z.enum(['preparing', 'downloading', 'running', 'uploading']),
  /** 0 to 1, as the model reported it. */
  progress: z.number().min(0).max(1).optional(),
  message: z.string().optional(),
  at: time,
});

export type Status = z.infer<typeof statusSchema>;

/** `status/drain.json`: what the drain did last, so that a wake-up without any work can be told. Plain overwrite. */
export const drainStatusSchema = z.strictObject({
  version: z.literal(1),
  did: z.enum(['claimed', 'ended']),
  jobId,
  drainId: z.string(),
  bootId: z.string(),
  at: time,
  /** What the receipts of this boot have taken of the machine's seconds so far; nothing is paid by it. */
  billed: z.strictObject({ session: time, seconds: z.int().min(0) }).optional(),
});

export type DrainStatus = z.infer<typeof drainStatusSchema>;

/** `gate.json`: whether a drain may begin a job. */
export const gateSchema = z.strictObject({
  version: z.literal(1),
  state: z.enum(['OPEN', 'CLOSING', 'CLOSED']),
  since: time,
  /** Who wrote it: the function and its request id. */
  by: z.string(),
  /** The breaker's count: wake-ups in a row that ended without a trace of work. */
  fruitless: z.int().min(0).default(0),
  /** The ledger's trace of work when the breaker last looked. */
  progressMark: z.string().default(''),
  /** When that trace was first seen, so that silence can be told from haste. */
  progressAt: time.optional(),
  /** The wake-up whose end was counted last, so that an event delivered twice counts once. */
  lastEnd: z.string().default(''),
  nonce: z.string(),
});

export type Gate = z.infer<typeof gateSchema>;

/** A job's part of the machine's on-time, in whole seconds: no second stands in two receipts. */
export const billSchema = z.strictObject({
  /** When the machine booted, by its own clock; the session is the one that was on then. */
  session: time,
  /** From the boot until its first job began. */
  bootSeconds: z.int().min(0),
  /** Without a job, since the receipt before this one. */
  idleSeconds: z.int().min(0),
  /** With this job, or its share of the seconds with several side by side; attempts without a receipt included. */
  runSeconds: z.int().min(0),
});

export type Bill = z.infer<typeof billSchema>;

/** `sessions/<launch>.json`: one on-time of the instance. Nothing is decided by it. */
export const sessionSchema = z.strictObject({
  version: z.literal(1),
  /** EC2's LaunchTime, a whole second. */
  launchedAt: time,
  /** When EC2 began to stop it, a whole second; absent until it is known to have stopped. */
  stoppedAt: time.optional(),
  /** EC2 did not say when: `stoppedAt` is when the stop was heard of. */
  approximate: z.literal(true).optional(),
  /** On-time that stands in no receipt, as far as the drain's last trace tells. Bills are made from the receipts. */
  tailSeconds: z.int().min(0).optional(),
  nonce: z.string(),
});

export type Session = z.infer<typeof sessionSchema>;

/** `results/<input key>/<jobId>/receipt.json`: the job's end, success or failure. Created once, never changed. */
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
  /** How the model's process ended; absent if it never began. */
  exit: z.strictObject({ code: z.int().nullable(), signal: z.string().nullable() }).optional(),
  /** The model's files in the output bucket, keys in full. */
  outputs: z.array(z.strictObject({ key: z.string(), sizeBytes: z.int().min(0) })),
  /** What went wrong and what to do; absent on success. */
  error: z.strictObject({ kind: z.string(), message: z.string() }).optional(),
  /** The last lines that the model wrote to stderr, for a failed run. */
  stderrTail: z.string().optional(),
  instance: z.strictObject({ bootId: z.string(), drainId: z.string() }),
  /** Absent when the machine could not keep account. */
  bill: billSchema.optional(),
  nonce: z.string(),
});

export type Receipt = z.infer<typeof receiptSchema>;

/**
 * Reads a record. Throws InvalidInputError, naming the object, when the text is not JSON or has another shape.
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

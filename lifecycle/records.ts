import * as z from 'zod/mini';
import './english';
import { InvalidInputError, NewerVersionError } from './errors';
import { isJobId, jobIdOf } from './job';
import { modelRefSchema } from './model';

/*
 * Every record in the control bucket and every receipt. No other module reads them.
 *
 * A reader ignores unknown keys of its own version. It neither changes nor deletes a record of a newer version
 * (`NewerVersionError`). Readers of the first release refuse unknown keys, and then delete or ignore the record. So open
 * records, claims, the gate and the trace keep exactly their keys. What is new about a job is in the object's S3 metadata or
 * in a record of its own.
 */

const time = z.iso.datetime();
const jobId = z.string().check(z.refine(isJobId, 'a job id is 64 hexadecimal digits'));
const input = z.object({
  bucket: z.string().check(z.minLength(1)),
  key: z.string().check(z.minLength(1)),
  versionId: z.string().check(z.minLength(1)),
  sizeBytes: z.int().check(z.minimum(0)),
});

/**
 * `open/<jobId>.json`: the job is open. Written once, never changed.
 * Version 1, since the first release. S3 metadata since the second: `OPEN_METADATA`.
 */
export const openRecordSchema = z
  .object({
    version: z.literal(1),
    jobId,
    input,
    model: modelRefSchema,
    uploadedAt: z.optional(time),
    admittedAt: time,
    /** `event`, `audit` or `retry`. */
    admittedBy: z.string(),
    nonce: z.string(),
  })
  .check(z.refine((record) => record.jobId === jobIdOf(record.input), 'jobId is not the hash of the input'));

export type OpenRecord = z.infer<typeof openRecordSchema>;

/**
 * S3 metadata of an open record: the bounds that the job's card had at its admission. Absent on records of the first
 * release. Then the card on the machine decides.
 */
export const OPEN_METADATA = { maxAttempts: 'max-attempts', maxInterruptions: 'max-interruptions' } as const;

/** Time for which an open record of a newer release counts as open, in milliseconds: a deploy may be under way. */
export const NEWER_OPEN_MS = 3_600_000;

/**
 * `claims/<jobId>.json`: one attempt at a job by one drain.
 * Version 1, since the first release. S3 metadata since the second: `CLAIM_METADATA`.
 */
export const claimSchema = z.object({
  version: z.literal(1),
  jobId,
  /** 1 for the first attempt. */
  attempt: z.int().check(z.minimum(1)),
  /** The instance's boot. A claim of an earlier boot is dead. */
  bootId: z.string().check(z.minLength(1)),
  drainId: z.string().check(z.minLength(1)),
  claimedAt: time,
  leaseUntil: time,
  /** Why the attempt ended without a receipt. A drain may take over a released claim at once. */
  released: z.optional(z.string()),
  nonce: z.string(),
});

export type Claim = z.infer<typeof claimSchema>;

/**
 * S3 metadata of a claim: the machine (EC2's instance id) and its launch (EC2's LaunchTime). Absent on claims of the first
 * release, which had one machine.
 */
export const CLAIM_METADATA = { machine: 'machine', launchedAt: 'launched-at' } as const;

/** Duration of a lease, in seconds. Only the breaker and the drains of other machines wait for its end. */
export const LEASE_SECONDS = 900;

/**
 * What ended an attempt.
 *
 * - `model`: its exit code, its signal, its time limit. The only cause that counts towards `maxAttempts`.
 * - `machine`: the machine stopped, rebooted or died, or its disk was full.
 * - `wrapper`: the drain itself died, or the model's program could not be reached.
 * - `storage`: S3 or KMS refused a request.
 * - `weather`: S3 or the network did not answer, or answered with an error of its own.
 * - `person`: a person stopped the machine.
 */
export const END_CAUSES = ['model', 'machine', 'wrapper', 'storage', 'weather', 'person'] as const;

export type EndCause = (typeof END_CAUSES)[number];

const endedAttemptsSchema = z.object({
  /** The numbers of the first and the last of these attempts. */
  first: z.int().check(z.minimum(1)),
  last: z.int().check(z.minimum(1)),
  cause: z.enum(END_CAUSES),
  why: z.string(),
  /** When the last of them ended, or when a drain found its end. */
  at: time,
  /**
   * The machine went down, and no part knows why. `alone`: the job's program ran, and no other job did. `with others`: other
   * jobs ran too. `not looked up`: no part could look for the reason.
   */
  death: z.optional(z.enum(['alone', 'with others', 'not looked up'])),
  /** SIGKILL ended the program, and it is not known who sent it. */
  wasKilled: z.optional(z.literal(true)),
});

/** One attempt that ended without a receipt, or several in a row that ended for the same reason. */
export type EndedAttempts = z.infer<typeof endedAttemptsSchema>;

/**
 * `attempts/<jobId>.json`: the ended attempts at an open job, the oldest first. Absent: none ended without a receipt.
 * Version 1, since the second release.
 */
export const attemptsSchema = z.object({
  version: z.literal(1),
  jobId,
  ended: z.array(endedAttemptsSchema),
  /** Since when S3 refuses the input, although it reads other inputs. Absent: it does not. */
  inputRefusedSince: z.optional(time),
  nonce: z.string(),
});

export type Attempts = z.infer<typeof attemptsSchema>;

/**
 * `stops/<launch>.json`: why the instance stopped after this launch. The next drain reads it if an attempt died.
 * Version 1, since the second release.
 */
export const stopSchema = z.object({
  version: z.literal(1),
  /** EC2's LaunchTime, a whole second. */
  launchedAt: time,
  /** `machine`: an orderly shutdown from inside. `unknown`: EC2 gives no reason. */
  by: z.enum(['lamplighter', 'people', 'EC2', 'machine', 'unknown']),
  why: z.string(),
  at: time,
  nonce: z.string(),
});

export type Stop = z.infer<typeof stopSchema>;

/** `status/<jobId>.json`: progress for people. Written by a plain overwrite. No rule reads it. */
export const statusSchema = z.object({
  version: z.literal(1),
  jobId,
  attempt: z.int().check(z.minimum(1)),
  phase: z.enum(['preparing', 'downloading', 'running', 'uploading']),
  /** From 0 to 1, as the model reported it. */
  progress: z.optional(z.number().check(z.minimum(0), z.maximum(1))),
  message: z.optional(z.string()),
  at: time,
});

export type Status = z.infer<typeof statusSchema>;

/** `status/drain.json`: the drain's last action. Shows whether a wake-up did work. Written by a plain overwrite. */
export const drainStatusSchema = z.object({
  version: z.literal(1),
  did: z.enum(['claimed', 'ended']),
  jobId,
  drainId: z.string(),
  bootId: z.string(),
  at: time,
  /** The machine's seconds that are on receipts of this boot so far. Bills do not use it. */
  billed: z.optional(z.object({ session: time, seconds: z.int().check(z.minimum(0)) })),
});

export type DrainStatus = z.infer<typeof drainStatusSchema>;

/** `gate.json`: whether a drain may begin a job. */
export const gateSchema = z.object({
  version: z.literal(1),
  state: z.enum(['OPEN', 'CLOSING', 'CLOSED']),
  since: time,
  /** The writer: the function and its request id. */
  by: z.string(),
  /** The breaker's count: consecutive wake-ups that ended without work. */
  fruitless: z._default(z.int().check(z.minimum(0)), 0),
  /** The ETag of `status/drain.json` when the breaker last found new work. */
  progressMark: z._default(z.string(), ''),
  /** When the breaker last found new work or counted an end. Distinguishes a silent drain from one that just started. */
  progressAt: z.optional(time),
  /** The last counted end of a wake-up. An event that EventBridge delivers twice counts once. */
  lastEnd: z._default(z.string(), ''),
  nonce: z.string(),
});

export type Gate = z.infer<typeof gateSchema>;

/**
 * `wake.json`: the last request of a trigger to EC2 to start the instance. It is written before the call.
 * Version 1, since the second release.
 */
export const wakeRequestSchema = z.object({
  version: z.literal(1),
  /** The ETag of the gate that the trigger found. Empty: there was no gate. */
  gate: z.string(),
  /** The function and its request id. */
  by: z.string(),
  at: time,
  nonce: z.string(),
});

export type WakeRequest = z.infer<typeof wakeRequestSchema>;

/**
 * `orders.json`: people's or the breaker's order not to start the instance, beside the instance's tag. S3 shows it at once, and
 * costs no call to EC2. Version 1, since the second release.
 */
export const ordersSchema = z.object({
  version: z.literal(1),
  /** Why the pipeline is paused. Absent: it is not. */
  pause: z.optional(z.string()),
  /** The person, or the function and its request id. */
  by: z.string(),
  at: time,
  nonce: z.string(),
});

export type Orders = z.infer<typeof ordersSchema>;

/**
 * `capacity.json`: EC2 does not start the instance for want of capacity, or because the account is at a limit. For people:
 * no rule reads it. Version 1, since the second release.
 */
export const shortageSchema = z.object({
  version: z.literal(1),
  /** EC2's code, such as `InsufficientInstanceCapacity`, and its message. */
  code: z.string(),
  message: z.string(),
  /** The first and the last refusal of this shortage. */
  since: time,
  at: time,
  refusals: z.int().check(z.minimum(1)),
  /** When the instance ran again. Absent: the shortage lasts. */
  endedAt: z.optional(time),
  nonce: z.string(),
});

export type Shortage = z.infer<typeof shortageSchema>;

/** `audit.json`: how far the audit has come. Version 1, since the first release. Written by a plain overwrite. */
export const auditCursorSchema = z.object({
  version: z.literal(1),
  /** The marker of the next page. Absent at the start of a pass. */
  keyMarker: z.optional(z.string()),
  versionIdMarker: z.optional(z.string()),
  passStartedAt: time,
  /** True: this pass checks every version. False: it checks only those that the last pass may have missed. */
  full: z.boolean(),
  /** When the latest full pass began. */
  fullPassAt: time,
  /** Earlier passes found every version that was uploaded before this time open or done. */
  checkedBefore: z.optional(time),
});

export type AuditCursor = z.infer<typeof auditCursorSchema>;

/** A job's part of the machine's on-time, in whole seconds. No second is on two receipts. */
const billSchema = z.object({
  /** When the machine booted, by its own clock. The bill belongs to the session that was on at that time. */
  session: time,
  /** Seconds from the boot to the start of its first job. */
  bootSeconds: z.int().check(z.minimum(0)),
  /** Seconds without a job since the previous receipt. */
  idleSeconds: z.int().check(z.minimum(0)),
  /** Seconds with this job, or its share of the seconds with several in parallel. Includes attempts without a receipt. */
  runSeconds: z.int().check(z.minimum(0)),
});

export type Bill = z.infer<typeof billSchema>;

/** `sessions/<launch>.json`: one on-time of the instance, for bills. No rule reads it. */
export const sessionSchema = z.object({
  version: z.literal(1),
  /** EC2's LaunchTime, a whole second. */
  launchedAt: time,
  /** When EC2 began to stop the instance, a whole second. Absent until the instance is known to have stopped. */
  stoppedAt: z.optional(time),
  /** True: EC2 did not report the time, and `stoppedAt` is the time of the event or of the sweep that noticed the stop. */
  approximate: z.optional(z.literal(true)),
  /** Seconds on no receipt, according to the drain's last trace. Bills do not use it: they come from the receipts. */
  tailSeconds: z.optional(z.int().check(z.minimum(0))),
  nonce: z.string(),
});

export type Session = z.infer<typeof sessionSchema>;

/** `results/<input key>/<jobId>/receipt.json`: the end of the job, success or failure. Created once, never changed. */
/** The walls that a model's programs had. `none`: they were ordinary processes of the drain's user, as in a sandbox. */
const isolationSchema = z.object({
  kind: z.enum(['systemd', 'none']),
  /** Absent: all memory that the machine leaves to models. */
  memoryMiB: z.optional(z.int()),
  maxProcesses: z.optional(z.int()),
  network: z.optional(z.enum(['internet', 'none'])),
});

export type IsolationRecord = z.infer<typeof isolationSchema>;

export const receiptSchema = z.object({
  version: z.literal(1),
  jobId,
  outcome: z.enum(['succeeded', 'failed']),
  pipeline: z.string(),
  input,
  model: modelRefSchema,
  /** The attempt that counts. */
  attempt: z.int().check(z.minimum(0)),
  uploadedAt: z.optional(time),
  admittedAt: time,
  claimedAt: z.optional(time),
  startedAt: z.optional(time),
  endedAt: time,
  /** How the model's process ended. Absent if it never started. */
  exit: z.optional(z.object({ code: z.nullable(z.int()), signal: z.nullable(z.string()) })),
  /** The model's files in the output bucket, with their full keys. */
  outputs: z.array(z.object({ key: z.string(), sizeBytes: z.int().check(z.minimum(0)) })),
  /** The problem and the remedy. Absent on success. */
  error: z.optional(z.object({ kind: z.string(), message: z.string() })),
  /** The last lines of the model's stderr. Present after a failed run. */
  stderrTail: z.optional(z.string()),
  /** Absent if no program of the model ran, and before the third release. */
  isolation: z.optional(isolationSchema),
  instance: z.object({ bootId: z.string(), drainId: z.string() }),
  /** Absent if the machine could not count its seconds. */
  bill: z.optional(billSchema),
  /** The attempts before the one that counts. Absent: none. Since the second release. */
  endedAttempts: z.optional(z.array(endedAttemptsSchema)),
  nonce: z.string(),
});

export type Receipt = z.infer<typeof receiptSchema>;

/** The time of the upload, in an open record and in a receipt. */
export const uploadTimeSchema = z.object({ version: z.literal(1), uploadedAt: z.optional(time) });

/**
 * Parses a record. Throws InvalidInputError that names the object if the text is not JSON or has another shape. The error is
 * a NewerVersionError if the record's version is higher than the schema's.
 */
export function parseRecord<T>(schema: z.core.$ZodType<T>, name: string, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InvalidInputError(`${name} is not JSON`, { cause });
  }
  const parsed = z.safeParse(schema, value);
  if (parsed.success) return parsed.data;
  const version = versionOf(value);
  if (version > 1) {
    const message = `${name} is of version ${version}, and this release reads version 1; deploy the newer release again`;
    throw new NewerVersionError(message, { cause: parsed.error });
  }
  throw new InvalidInputError(`${name} has an unexpected shape: ${z.prettifyError(parsed.error)}`, {
    cause: parsed.error,
  });
}

/** Every schema above is of version 1. */
function versionOf(value: unknown): number {
  const isVersioned = typeof value === 'object' && value !== null && 'version' in value;
  return isVersioned && typeof value.version === 'number' ? value.version : 0;
}

import type { z } from 'zod';
import { InvalidInputError, NewerVersionError, messageOf } from '../../../lifecycle/errors';
import { GATE_KEY, attemptsKey, claimKey, openKey, statusKey } from '../../../lifecycle/job';
import {
  type Claim,
  LEASE_SECONDS,
  attemptsSchema,
  claimSchema,
  gateSchema,
  openRecordSchema,
  statusSchema,
} from '../../../lifecycle/records';
import type { Records } from './listed-records';

/**
 * A record with the time of its last write by the clock of S3, or why it cannot be read. `isNewer`: it is of a newer release.
 */
export type ReadResult<T> =
  | { readonly record: T; readonly lastModified?: Date | undefined }
  | { readonly trouble: string; readonly isNewer?: boolean | undefined };

/** Reads a record. An unreadable record is a result, not an error. Undefined: the object does not exist. */
export async function readRecord<T>(
  store: Records,
  key: string,
  schema: z.core.$ZodType<T>,
): Promise<ReadResult<T> | undefined> {
  try {
    const stored = await store.get(key, schema);
    return stored && { record: stored.record, lastModified: stored.lastModified };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return { trouble: messageOf(error), isNewer: error instanceof NewerVersionError };
  }
}

/** Reads a record. Undefined: the object does not exist, or is not such a record. */
export async function readableRecord<T>(
  store: Records,
  key: string,
  schema: z.core.$ZodType<T>,
): Promise<T | undefined> {
  return recordIn(await readRecord(store, key, schema));
}

export function recordIn<T>(result: ReadResult<T> | undefined): T | undefined {
  return result && 'record' in result ? result.record : undefined;
}

/** Undefined: the gate has never been opened. */
export const readGate = (control: Records) => readRecord(control, GATE_KEY, gateSchema);

export const readOpenRecord = (control: Records, jobId: string) =>
  readRecord(control, openKey(jobId), openRecordSchema);

export const readClaim = (control: Records, jobId: string) =>
  readRecord(control, claimKey(jobId), claimSchema);

/** Undefined: no attempt at the job has ended without a receipt. */
export const readAttempts = (control: Records, jobId: string) =>
  readRecord(control, attemptsKey(jobId), attemptsSchema);

export const readStatus = (control: Records, jobId: string) =>
  readRecord(control, statusKey(jobId), statusSchema);

/** Whether a drain holds the job: like the functions, by the clock of S3 and not by the machine's. */
export function isLive(claim: ReadResult<Claim> | undefined, now: number): boolean {
  if (!claim || 'trouble' in claim) return false;
  return claim.record.released === undefined && !leaseIsOver(claim, now);
}

/** Whether the claim was not renewed for a whole lease. Every claim that S3 returns has a time. */
export function leaseIsOver(
  { lastModified }: { readonly lastModified?: Date | undefined },
  now: number,
): boolean {
  return (lastModified?.getTime() ?? 0) + LEASE_SECONDS * 1000 <= now;
}

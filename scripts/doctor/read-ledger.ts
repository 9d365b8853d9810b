import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { Clock } from '../../lifecycle/clock';
import { httpStatusOf } from '../../lifecycle/errors';
import {
  AUDIT_CURSOR_KEY,
  CLAIM_PREFIX,
  DRAIN_STATUS_KEY,
  type Upload,
  jobIdInLedgerKey,
} from '../../lifecycle/job';
import type { ListedJob } from '../../lifecycle/ledger';
import { drainStatusSchema } from '../../lifecycle/records';
import type { PipelineHandle } from '../pipeline/connect';
import { listOpen } from '../pipeline/readings/open-jobs';
import {
  readAttempts,
  readClaim,
  readGate,
  readOpenRecord,
  leaseIsOver,
  readableRecord,
} from '../pipeline/readings/records';
import { requestEach } from '../pipeline/readings/requests';
import type { Facts, OpenJob } from './facts';

const OPEN_COUNTED = 1_000;
/** Each open job costs four requests. */
const JOBS_READ = 50;
const CLAIMS_COUNTED = 1_000;

/** Lists claims before open jobs: a drain deletes the open record first, so a claim without one was left behind. */
export async function readLedger(handle: PipelineHandle, clock: Clock): Promise<NonNullable<Facts['open']>> {
  const claimed = await listClaims(handle);
  const { jobs: listed, isWhole } = await listOpen(handle.control, { most: OPEN_COUNTED });
  const oldest = [...listed]
    .sort((a, b) => (a.openSince?.getTime() ?? 0) - (b.openSince?.getTime() ?? 0))
    .slice(0, JOBS_READ);
  const jobs = await requestEach(oldest, (job) => readJob(handle, job));
  const isOpen = new Set(listed.map(({ jobId }) => jobId));
  const withoutJob = claimed.filter((jobId) => isWhole && !isOpen.has(jobId));
  const left = await requestEach(withoutJob, async (jobId) =>
    (await isLeftBehind(handle, clock, jobId)) ? [jobId] : [],
  );
  return {
    count: listed.length,
    isCountWhole: isWhole,
    jobs: jobs.flatMap((job) => job ?? []),
    claimsWithoutJob: left.flat(),
  };
}

async function listClaims({ control }: PipelineHandle): Promise<string[]> {
  const claimed: string[] = [];
  for await (const { key } of control.list(CLAIM_PREFIX)) {
    const jobId = jobIdInLedgerKey(CLAIM_PREFIX, key);
    if (jobId !== undefined) claimed.push(jobId);
    if (claimed.length === CLAIMS_COUNTED) break;
  }
  return claimed;
}

/** Undefined: the job has just ended. */
async function readJob(
  handle: PipelineHandle,
  { jobId, openSince }: ListedJob,
): Promise<OpenJob | undefined> {
  const open = await readOpenRecord(handle.control, jobId);
  if (!open) return undefined;
  const claim = await readClaim(handle.control, jobId);
  const attempts = await readAttempts(handle.control, jobId);
  const upload = 'record' in open ? await findUpload(handle, open.record.input) : undefined;
  return { jobId, openSince, open, claim, attempts, upload };
}

async function findUpload(
  { target }: PipelineHandle,
  { bucket, key, versionId }: Upload,
): Promise<OpenJob['upload']> {
  try {
    await target.clients.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }));
    return 'there';
  } catch (error) {
    // S3 answers 404 or 405 to a version that is deleted, and 400 to an id that no version can have.
    const status = httpStatusOf(error);
    if (status === 404 || status === 405 || status === 400) return 'deleted';
    throw error;
  }
}

/** False while the lease lasts: a drain that is just ending the job still holds its claim. */
async function isLeftBehind({ control }: PipelineHandle, clock: Clock, jobId: string): Promise<boolean> {
  const claim = await readClaim(control, jobId);
  if (!claim) return false;
  return 'trouble' in claim || leaseIsOver(claim, clock.now());
}

export async function readGateFacts({ control }: PipelineHandle): Promise<NonNullable<Facts['gate']>> {
  const read = await readGate(control);
  return read && 'trouble' in read
    ? { gate: undefined, trouble: read.trouble, isNewer: read.isNewer === true }
    : { gate: read?.record, trouble: undefined };
}

export async function readTrace({ control }: PipelineHandle): Promise<NonNullable<Facts['trace']>> {
  return (await readableRecord(control, DRAIN_STATUS_KEY, drainStatusSchema)) ?? 'none';
}

/** Each sweep rewrites the audit's cursor, unless an upload could not be audited. */
export async function readLastSweep({ control }: PipelineHandle): Promise<NonNullable<Facts['lastSweep']>> {
  for await (const { key, lastModified } of control.list(AUDIT_CURSOR_KEY)) {
    if (key === AUDIT_CURSOR_KEY && lastModified) return lastModified;
  }
  return 'never';
}

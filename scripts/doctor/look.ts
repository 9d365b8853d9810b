import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { DescribeInstanceInformationCommand, ListCommandsCommand } from '@aws-sdk/client-ssm';
import pLimit from 'p-limit';
import type { Clock } from '../../lifecycle/clock';
import { awsCodeOf, httpStatusOf, messageOf } from '../../lifecycle/errors';
import {
  AUDIT_CURSOR_KEY,
  CLAIM_PREFIX,
  DRAIN_STATUS_KEY,
  GATE_KEY,
  OPEN_PREFIX,
  claimKey,
  jobIdInLedgerKey,
  openKey,
} from '../../lifecycle/job';
import type { ListedJob } from '../../lifecycle/ledger';
import { claimSchema, drainStatusSchema, gateSchema, openRecordSchema } from '../../lifecycle/records';
import { MissingError } from '../console/exit';
import { type PipelineHandle, readInstance } from '../pipeline/connect';
import { readOrTrouble } from '../pipeline/read-record';
import { lookAtFailedEvents } from './failed-events';
import type { Facts, OpenJob } from './facts';
import { compareModels } from './models';
import { lookAtFailedJobs } from './failed-jobs';
import { lookAtUploads } from '../pipeline/unsettled-uploads';

export interface LookOptions {
  /** Versions of uploads that are compared with receipts. */
  readonly uploadsChecked: number;
  /** Failed jobs older than this are history, in hours. */
  readonly failedHours: number;
  /** `context.pipelines` of cdktf.json, and the folder that its models' paths are relative to. */
  readonly settings: () => { readonly pipelines: unknown; readonly project: string };
  /** Compares what is deployed with this checkout. @default not looked at */
  readonly plan?: (() => Promise<Facts['plan']>) | undefined;
}

/** What one look costs at most: some 3 × 50 + checks + 50 requests to S3, whatever the buckets hold. */
const OPEN_COUNTED = 1_000;
const JOBS_READ = 50;
const CLAIMS_COUNTED = 1_000;
const REQUESTS_AT_ONCE = 8;

/** Looks at everything once; nothing is changed. What cannot be looked at does not keep the rest from being seen. */
export async function look(handle: PipelineHandle, clock: Clock, options: LookOptions): Promise<Facts> {
  const unseen: { what: string; why: string }[] = [];
  const see = async <T>(what: string, looking: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await looking();
    } catch (error) {
      const code = awsCodeOf(error);
      unseen.push({ what, why: `${code === undefined ? '' : `${code}: `}${messageOf(error)}` });
      return undefined;
    }
  };
  const { manifest } = handle;
  const [instance, gate, agent, open, lastDrain, trace, lastSweep, failed, failedEvents, models, plan] =
    await Promise.all([
      see('the instance', () => lookAtInstance(handle)),
      see('the gate', () => lookAtGate(handle)),
      see('the agent', () => lookAtAgent(handle)),
      see('the ledger', () => lookAtLedger(handle, clock)),
      see('the last drain', () => lookAtLastDrain(handle)),
      see('the last trace of work', () => lookAtTrace(handle)),
      see('the last sweep', () => lookAtLastSweep(handle)),
      see('the receipts', () => lookAtFailedJobs(handle, clock, options.failedHours)),
      see('the queue of failed events', () => lookAtFailedEvents(handle)),
      see("the models' folders", () => compareModels(manifest, options.settings())),
      see('terraform plan', () => options.plan?.()),
    ]);
  const uploads = await see('the uploads', () => lookAtUploads(handle, clock, options.uploadsChecked));
  return {
    ...{ manifest, instance, gate, agent, open, lastDrain, trace, lastSweep },
    ...{ uploads, failed, failedEvents, models, plan, unseen },
  };
}

export async function lookAtInstance(handle: PipelineHandle): Promise<Facts['instance']> {
  try {
    return await readInstance(handle);
  } catch (error) {
    if (error instanceof MissingError) return 'gone';
    throw error;
  }
}

export async function lookAtGate({ control }: PipelineHandle): Promise<Facts['gate']> {
  const read = await readOrTrouble(() => control.get(GATE_KEY, gateSchema));
  if (!read) return { gate: undefined, trouble: undefined };
  return 'record' in read
    ? { gate: read.record, trouble: undefined }
    : { gate: undefined, trouble: read.trouble };
}

export async function lookAtAgent({ target, manifest }: PipelineHandle): Promise<Facts['agent']> {
  const { InstanceInformationList } = await target.clients.ssm.send(
    new DescribeInstanceInformationCommand({
      Filters: [{ Key: 'InstanceIds', Values: [manifest.instanceId] }],
    }),
  );
  const [found] = InstanceInformationList ?? [];
  return found ? { pingStatus: found.PingStatus ?? 'unknown', lastPing: found.LastPingDateTime } : 'never';
}

/** Claims are listed before jobs: a drain deletes the open record first, so what is left without one was left behind. */
export async function lookAtLedger(handle: PipelineHandle, clock: Clock): Promise<Facts['open']> {
  const { control } = handle;
  const claimed: string[] = [];
  for await (const { key } of control.list(CLAIM_PREFIX)) {
    const jobId = jobIdInLedgerKey(CLAIM_PREFIX, key);
    if (jobId !== undefined) claimed.push(jobId);
    if (claimed.length === CLAIMS_COUNTED) break;
  }
  const listed: ListedJob[] = [];
  let isCountWhole = true;
  for await (const { key, lastModified } of control.list(OPEN_PREFIX)) {
    const jobId = jobIdInLedgerKey(OPEN_PREFIX, key);
    if (jobId === undefined) continue;
    isCountWhole = listed.length < OPEN_COUNTED;
    if (!isCountWhole) break;
    listed.push({ jobId, openSince: lastModified });
  }
  const oldest = listed
    .sort((a, b) => (a.openSince?.getTime() ?? 0) - (b.openSince?.getTime() ?? 0))
    .slice(0, JOBS_READ);
  const limit = pLimit(REQUESTS_AT_ONCE);
  const jobs = await Promise.all(oldest.map((job) => limit(() => lookAtJob(handle, job))));
  const isOpen = new Set(listed.map(({ jobId }) => jobId));
  const left = await Promise.all(
    claimed
      .filter((jobId) => isCountWhole && !isOpen.has(jobId))
      .map((jobId) => limit(async () => ((await isLeftBehind(handle, clock, jobId)) ? [jobId] : []))),
  );
  return {
    count: listed.length,
    isCountWhole,
    jobs: jobs.flatMap((job) => job ?? []),
    claimsWithoutJob: left.flat(),
  };
}

/** Undefined: the job has just ended. */
async function lookAtJob(
  handle: PipelineHandle,
  { jobId, openSince }: ListedJob,
): Promise<OpenJob | undefined> {
  const { control } = handle;
  const open = await readOrTrouble(() => control.get(openKey(jobId), openRecordSchema));
  if (!open) return undefined;
  const claim = await readOrTrouble(() => control.get(claimKey(jobId), claimSchema));
  const upload = 'record' in open ? await uploadOf(handle, open.record.input) : undefined;
  return { jobId, openSince, open, claim, upload };
}

async function uploadOf(
  { target }: PipelineHandle,
  { bucket, key, versionId }: { bucket: string; key: string; versionId: string },
): Promise<OpenJob['upload']> {
  try {
    await target.clients.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }));
    return 'there';
  } catch (error) {
    // 400: not even the id of a version.
    const status = httpStatusOf(error);
    if (status === 404 || status === 405 || status === 400) return 'deleted';
    throw error;
  }
}

/** A drain that is just ending its job has a lease still. */
async function isLeftBehind({ control }: PipelineHandle, clock: Clock, jobId: string): Promise<boolean> {
  const claim = await readOrTrouble(() => control.get(claimKey(jobId), claimSchema));
  if (!claim) return false;
  return 'trouble' in claim || Date.parse(claim.record.leaseUntil) < clock.now();
}

export async function lookAtLastDrain({ target, manifest }: PipelineHandle): Promise<Facts['lastDrain']> {
  const { Commands } = await target.clients.ssm.send(
    new ListCommandsCommand({
      // Not by instance: such a list lacks what has not reached it yet.
      Filters: [{ key: 'DocumentName', value: manifest.document }],
      MaxResults: 10,
    }),
  );
  const own = (Commands ?? []).filter(({ InstanceIds }) => InstanceIds?.includes(manifest.instanceId));
  const [last] = own.sort(
    (a, b) => (b.RequestedDateTime?.getTime() ?? 0) - (a.RequestedDateTime?.getTime() ?? 0),
  );
  if (!last) return 'none';
  const { CommandId: commandId = '', Status: status = 'unknown', RequestedDateTime: requestedAt } = last;
  return { commandId, status, requestedAt };
}

async function lookAtTrace({ control }: PipelineHandle): Promise<Facts['trace']> {
  const read = await readOrTrouble(() => control.get(DRAIN_STATUS_KEY, drainStatusSchema));
  return read && 'record' in read ? read.record : 'none';
}

/** Each sweep rewrites the audit's cursor, unless some upload could not be audited. */
async function lookAtLastSweep({ control }: PipelineHandle): Promise<Facts['lastSweep']> {
  for await (const { key, lastModified } of control.list(AUDIT_CURSOR_KEY)) {
    if (key === AUDIT_CURSOR_KEY && lastModified) return lastModified;
  }
  return 'never';
}

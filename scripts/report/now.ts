import pLimit from 'p-limit';
import { openKey, receiptKey, statusKey } from '../../lifecycle/job';
import { openRecordSchema, receiptSchema, statusSchema } from '../../lifecycle/records';
import type { PipelineHandle } from '../pipeline/connect';
import { type WatchedJob, statusText } from '../pipeline/job-watch';
import { readInstance } from '../pipeline/readings/instance';
import { listOpen } from '../pipeline/readings/open-jobs';
import { REQUESTS_AT_ONCE } from '../pipeline/readings/requests';
import type { ReportedPipeline } from './collect';
import { type ResultLink, resultLinks } from './live-results';

/** An open job, or an upload of this page, as the live page shows it. */
export interface JobNow {
  readonly jobId: string;
  readonly key: string;
  readonly text: string;
  readonly is: 'on its way' | 'succeeded' | 'failed';
  /** The progress that the model reported, 0 to 1. */
  readonly progress: number | undefined;
  readonly files?: readonly ResultLink[];
}

/** Where the live page reads: listings of the buckets. */
export type LivePipeline = ReportedPipeline & Pick<PipelineHandle, 'instance'>;

export interface Now {
  /** EC2's state of the instance. `gone`: the state cannot be read. */
  readonly instance: string;
  readonly jobs: readonly JobNow[];
}

/** Maximum open jobs that are shown and listed. */
const OPEN_SHOWN = 20;
const OPEN_LISTED = 2 * OPEN_SHOWN + 1;

/** Reads the state of this moment: the uploads of this page, the latest first, and other open jobs. */
export async function readNow(handle: LivePipeline, uploads: readonly WatchedJob[]): Promise<Now> {
  const limit = pLimit(REQUESTS_AT_ONCE);
  const listing = listOpen(handle.control, { most: OPEN_LISTED });
  const [instance, { jobs: listed }] = await Promise.all([instanceState(handle), listing]);
  const open = listed.map(({ jobId }) => jobId);
  const isShown = new Set(uploads.map(({ jobId }) => jobId));
  const isOpen = new Set(open);
  const others = open.filter((jobId) => !isShown.has(jobId)).slice(0, OPEN_SHOWN);
  const jobs = await Promise.all([
    ...uploads.map((job) => limit(() => uploadNow(handle, job, isOpen.has(job.jobId)))),
    ...others.map((jobId) => limit(() => otherNow(handle, jobId))),
  ]);
  return { instance, jobs: jobs.flatMap((job) => job ?? []) };
}

async function instanceState(handle: LivePipeline): Promise<string> {
  try {
    return (await readInstance(handle)).state;
  } catch {
    return 'gone';
  }
}

async function uploadNow(handle: LivePipeline, job: WatchedJob, isOpen: boolean): Promise<JobNow> {
  if (isOpen) return openNow(handle, job);
  const stored = await handle.output.get(receiptKey(job.key, job.jobId), receiptSchema);
  if (!stored)
    return { ...job, is: 'on its way', text: 'uploaded; its event is on the way', progress: undefined };
  const { outcome, error } = stored.record;
  const text = outcome === 'failed' && error ? `failed: ${error.kind}: ${error.message}` : outcome;
  return { ...job, is: outcome, text, progress: undefined, files: resultLinks(stored.record) };
}

async function otherNow(handle: LivePipeline, jobId: string): Promise<JobNow | undefined> {
  const stored = await handle.control.get(openKey(jobId), openRecordSchema);
  return stored && openNow(handle, { jobId, key: stored.record.input.key });
}

async function openNow({ control }: LivePipeline, job: WatchedJob): Promise<JobNow> {
  const stored = await control.get(statusKey(job.jobId), statusSchema);
  if (!stored) {
    return { ...job, is: 'on its way', text: 'admitted; waits for the instance', progress: undefined };
  }
  return { ...job, is: 'on its way', text: statusText(stored.record), progress: stored.record.progress };
}

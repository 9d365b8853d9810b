import type { Clock } from '../../lifecycle/clock';
import { InvalidInputError, messageOf } from '../../lifecycle/errors';
import { openKey, receiptKey, statusKey } from '../../lifecycle/job';
import { type Receipt, type Status, receiptSchema, statusSchema } from '../../lifecycle/records';
import type { Store } from '../../lifecycle/store';
import { duration } from '../console/terminal';
import { listOpen } from './readings/open-jobs';
import { listReceipts } from './readings/receipts';
import { readOpenRecord, readableRecord, recordIn } from './readings/records';

export interface WatchedJob {
  readonly jobId: string;
  /** The upload's key. */
  readonly key: string;
}

/** A change of a job since the last poll. */
interface JobNews {
  readonly job: WatchedJob;
  readonly text: string;
  readonly mood: 'plain' | 'good' | 'bad';
  /** Present in the last news of a job. */
  readonly receipt?: Receipt;
}

interface Followed {
  readonly job: WatchedJob;
  admitted: boolean;
  isTroubleReported: boolean;
  shown?: { status: Status; atMs: number };
  /** The first progress that this attempt reported. */
  first?: { progress: number; attempt: number; atMs: number };
}

/** Minimum time between two lines about a model's progress, in milliseconds. */
const PROGRESS_MS = 2_000;

/** Follows jobs by polling the ledger. It writes nothing. */
export class JobWatch {
  private readonly open = new Map<string, Followed>();
  private readonly ended = new Set<string>();

  constructor(
    private readonly control: Store,
    private readonly output: Store,
    private readonly clock: Clock,
  ) {}

  add(job: WatchedJob): void {
    if (this.open.has(job.jobId) || this.ended.has(job.jobId)) return;
    this.open.set(job.jobId, { job, admitted: false, isTroubleReported: false });
  }

  /** Number of jobs that have no receipt yet. */
  get openCount(): number {
    return this.open.size;
  }

  /** Jobs without an open record: the trigger has not admitted them yet. */
  get waiting(): WatchedJob[] {
    return [...this.open.values()].filter(({ admitted }) => !admitted).map(({ job }) => job);
  }

  /** Admitted jobs for which no drain has written a status yet. */
  get notBegun(): WatchedJob[] {
    return [...this.open.values()].filter(({ admitted, shown }) => admitted && !shown).map(({ job }) => job);
  }

  /** Adds all jobs that both buckets hold. For the local cloud only: it lists both buckets whole. */
  async discover(): Promise<void> {
    for (const { jobId } of (await listOpen(this.control)).jobs) {
      if (this.knows(jobId)) continue;
      const open = recordIn(await readOpenRecord(this.control, jobId));
      if (open) this.add({ jobId, key: open.input.key });
    }
    for (const { jobId, key } of (await listReceipts(this.output)).receipts) {
      if (this.knows(jobId)) continue;
      const receipt = await readableRecord(this.output, key, receiptSchema);
      if (receipt) this.add({ jobId, key: receipt.input.key });
    }
  }

  /** Reads every job once that has no receipt yet. */
  async poll(): Promise<JobNews[]> {
    const news = await Promise.all([...this.open.values()].map((followed) => this.readJob(followed)));
    return news.flat();
  }

  private async readJob(followed: Followed): Promise<JobNews[]> {
    const { job } = followed;
    try {
      const receipt = await this.output.get(receiptKey(job.key, job.jobId), receiptSchema);
      if (receipt) {
        this.open.delete(job.jobId);
        this.ended.add(job.jobId);
        return [endNews(job, receipt.record)];
      }
      const news: JobNews[] = [];
      if (!followed.admitted && (await this.control.exists(openKey(job.jobId)))) {
        followed.admitted = true;
        news.push({ job, text: 'admitted: it is open now', mood: 'plain' });
      }
      if (followed.admitted) news.push(...(await this.readProgress(followed)));
      return news;
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      if (followed.isTroubleReported) return [];
      followed.isTroubleReported = true;
      return [{ job, text: messageOf(error), mood: 'bad' }];
    }
  }

  private async readProgress(followed: Followed): Promise<JobNews[]> {
    const stored = await this.control.get(statusKey(followed.job.jobId), statusSchema);
    if (!stored) return [];
    const { record: status } = stored;
    const { shown } = followed;
    const nowMs = this.clock.now();
    const isNewPhase = shown?.status.phase !== status.phase || shown.status.attempt !== status.attempt;
    const hasMoved = shown?.status.progress !== status.progress || shown?.status.message !== status.message;
    if (!isNewPhase && !(hasMoved && nowMs - shown.atMs >= PROGRESS_MS)) return [];
    followed.shown = { status, atMs: nowMs };
    return [
      { job: followed.job, text: `${statusText(status)}${timeLeft(followed, status, nowMs)}`, mood: 'plain' },
    ];
  }

  private knows(jobId: string): boolean {
    return this.open.has(jobId) || this.ended.has(jobId);
  }
}

/** Extrapolates the progress since `first`. Empty until there is some progress. */
function timeLeft(followed: Followed, { phase, progress, attempt }: Status, nowMs: number): string {
  if (phase !== 'running' || progress === undefined) return '';
  if (followed.first?.attempt !== attempt) {
    followed.first = { progress, attempt, atMs: nowMs };
    return '';
  }
  const gained = progress - followed.first.progress;
  if (gained <= 0 || progress >= 1) return '';
  return ` (about ${duration(((nowMs - followed.first.atMs) * (1 - progress)) / gained)} left)`;
}

const PHASES: Record<Status['phase'], string> = {
  preparing: 'the machine prepares the model (its setup runs once per machine)',
  downloading: 'the machine reads the upload',
  running: 'the model runs',
  uploading: 'the results are uploaded',
};

/** For people: `the model runs, 42 %: row 100 of 240`. */
export function statusText(status: Status): string {
  const attempt = status.attempt > 1 ? ` (attempt ${status.attempt})` : '';
  const progress = status.progress === undefined ? '' : `, ${Math.round(status.progress * 100)} %`;
  const message = status.message === undefined || status.message === '' ? '' : `: ${status.message}`;
  return `${PHASES[status.phase]}${attempt}${progress}${message}`;
}

function endNews(job: WatchedJob, receipt: Receipt): JobNews {
  if (receipt.outcome === 'succeeded') {
    const count = receipt.outputs.length;
    return { job, text: `receipt: succeeded, ${count} file${count === 1 ? '' : 's'}`, mood: 'good', receipt };
  }
  const why = receipt.error === undefined ? '' : `, ${receipt.error.kind}: ${receipt.error.message}`;
  return { job, text: `receipt: failed${why}`, mood: 'bad', receipt };
}

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

/** Something that has happened to a job since the last look. */
interface JobNews {
  readonly job: WatchedJob;
  readonly text: string;
  readonly mood: 'plain' | 'good' | 'bad';
  /** Present in a job's last news. */
  readonly receipt?: Receipt;
}

interface Followed {
  readonly job: WatchedJob;
  admitted: boolean;
  saidTrouble: boolean;
  shown?: { status: Status; atMs: number };
  /** The first progress that was seen of this attempt's run. */
  first?: { progress: number; attempt: number; atMs: number };
}

/** While a model reports progress, one line in so many milliseconds is enough. */
const PROGRESS_MS = 2_000;

/** Follows jobs through the ledger by looking at it; it writes nothing. */
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
    this.open.set(job.jobId, { job, admitted: false, saidTrouble: false });
  }

  /** How many jobs have no receipt yet. */
  get openCount(): number {
    return this.open.size;
  }

  /** Jobs that nobody has admitted yet. */
  get waiting(): WatchedJob[] {
    return [...this.open.values()].filter(({ admitted }) => !admitted).map(({ job }) => job);
  }

  /** Jobs that are admitted, and that no drain has shown a sign of. */
  get notBegun(): WatchedJob[] {
    return [...this.open.values()].filter(({ admitted, shown }) => admitted && !shown).map(({ job }) => job);
  }

  /** Adds jobs that others have uploaded; lists both buckets, so it is for the local cloud. */
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

  /** Looks at every open job once. */
  async poll(): Promise<JobNews[]> {
    const news = await Promise.all([...this.open.values()].map((followed) => this.look(followed)));
    return news.flat();
  }

  private async look(followed: Followed): Promise<JobNews[]> {
    const { job } = followed;
    try {
      const receipt = await this.output.get(receiptKey(job.key, job.jobId), receiptSchema);
      if (receipt) {
        this.open.delete(job.jobId);
        this.ended.add(job.jobId);
        return [ending(job, receipt.record)];
      }
      const news: JobNews[] = [];
      if (!followed.admitted && (await this.control.exists(openKey(job.jobId)))) {
        followed.admitted = true;
        news.push({ job, text: 'admitted: it is open now', mood: 'plain' });
      }
      if (followed.admitted) news.push(...(await this.progress(followed)));
      return news;
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      if (followed.saidTrouble) return [];
      followed.saidTrouble = true;
      return [{ job, text: messageOf(error), mood: 'bad' }];
    }
  }

  private async progress(followed: Followed): Promise<JobNews[]> {
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

/** By the pace since the first progress that was seen; nothing until there is a pace. */
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

function ending(job: WatchedJob, receipt: Receipt): JobNews {
  if (receipt.outcome === 'succeeded') {
    const count = receipt.outputs.length;
    return { job, text: `receipt: succeeded, ${count} file${count === 1 ? '' : 's'}`, mood: 'good', receipt };
  }
  const why = receipt.error === undefined ? '' : `, ${receipt.error.kind}: ${receipt.error.message}`;
  return { job, text: `receipt: failed${why}`, mood: 'bad', receipt };
}

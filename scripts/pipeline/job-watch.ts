import type { Clock } from '../../lifecycle/clock';
import { InvalidInputError, messageOf } from '../../lifecycle/errors';
import { jobIdInReceiptKey, openKey, receiptKey, statusKey } from '../../lifecycle/job';
import { type Receipt, type Status, receiptSchema, statusSchema } from '../../lifecycle/records';
import type { Store } from '../../lifecycle/store';
import { duration } from '../console/terminal';
import { ListedLedger } from './readings/listed-ledger';
import { listOpen } from './readings/open-jobs';
import { readOpenRecord, readableRecord, recordIn } from './readings/records';
import { requestEach } from './readings/requests';

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
  /** The poll that looked for the receipt last; 0: none did. */
  lookedAt: number;
  /** Whether the job was open at the last poll. */
  wasOpen: boolean;
  shown?: { status: Status; atMs: number };
  /** The first progress that this attempt reported. */
  first?: { progress: number; attempt: number; atMs: number };
}

/** Minimum time between two lines about a model's progress, in milliseconds. */
const PROGRESS_MS = 2_000;

/**
 * Maximum receipts that a poll looks for again, because a job that is not open is either not admitted yet or has ended between
 * two polls. On AWS so many requests cost as much as one list.
 */
const LOOKS_AGAIN = 12;

/**
 * Follows jobs by polling the ledger. It writes nothing. A poll lists the control bucket, in pages of 1,000 names. It reads the
 * receipt of a job that is not open any more, and the status of a job if it has changed.
 */
export class JobWatch {
  private readonly open = new Map<string, Followed>();
  private readonly ended = new Set<string>();
  private readonly noticed = new Map<string, string>();
  private readonly ledger: ListedLedger;
  private polls = 0;

  /** @param whose `all`: the watch adds each job that it finds open or whose receipt is noticed */
  constructor(
    control: Store,
    private readonly output: Store,
    private readonly clock: Clock,
    private readonly whose: 'added' | 'all' = 'added',
  ) {
    this.ledger = new ListedLedger(control);
  }

  add(job: WatchedJob): void {
    if (this.knows(job.jobId)) return;
    const begin = { admitted: false, isTroubleReported: false, lookedAt: 0, wasOpen: false };
    this.open.set(job.jobId, { job, ...begin });
  }

  /** Call it with the key of a receipt that was just written. Without it, a job that is admitted and ends between two polls is not found. */
  notice(key: string): void {
    const jobId = jobIdInReceiptKey(key);
    if (jobId !== undefined && !this.ended.has(jobId)) this.noticed.set(jobId, key);
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

  /** Milliseconds to wait until the next poll, so that the requests of an hour are the same however many jobs are open. */
  pauseMs(intervalMs: number): number {
    return intervalMs * Math.max(1, this.ledger.pages);
  }

  /** Reads what has changed about the jobs that have no receipt yet. */
  async poll(): Promise<JobNews[]> {
    this.polls += 1;
    await this.ledger.refresh();
    if (this.whose === 'all') await this.discover();
    const ended = this.mayHaveEnded();
    const news = await requestEach([...this.open.values()], (followed) =>
      this.readJob(followed, ended.has(followed)),
    );
    return news.flat();
  }

  /** Adds the jobs that are open, and those whose receipts were noticed. */
  private async discover(): Promise<void> {
    for (const { jobId } of (await listOpen(this.ledger)).jobs) {
      if (this.knows(jobId)) continue;
      const open = recordIn(await readOpenRecord(this.ledger, jobId));
      if (open) this.add({ jobId, key: open.input.key });
    }
    for (const [jobId, key] of this.noticed) {
      if (this.open.has(jobId)) continue;
      const receipt = await readableRecord(this.output, key, receiptSchema);
      if (receipt) this.add({ jobId, key: receipt.input.key });
      else this.noticed.delete(jobId);
    }
  }

  /** The jobs whose receipts this poll reads. */
  private mayHaveEnded(): ReadonlySet<Followed> {
    const found = new Set<Followed>();
    const again: Followed[] = [];
    for (const followed of this.open.values()) {
      const { job, lookedAt, wasOpen } = followed;
      const isOpen = this.ledger.has(openKey(job.jobId));
      followed.wasOpen = isOpen;
      if (this.noticed.delete(job.jobId)) found.add(followed);
      else if (isOpen) continue;
      else if (wasOpen || lookedAt === 0) found.add(followed);
      else again.push(followed);
    }
    again.sort((a, b) => a.lookedAt - b.lookedAt);
    for (const followed of again.slice(0, LOOKS_AGAIN)) found.add(followed);
    return found;
  }

  private async readJob(followed: Followed, mayHaveEnded: boolean): Promise<JobNews[]> {
    const { job } = followed;
    try {
      const receipt = mayHaveEnded ? await this.readReceipt(followed) : undefined;
      if (receipt) {
        this.open.delete(job.jobId);
        this.ended.add(job.jobId);
        return [endNews(job, receipt)];
      }
      const news: JobNews[] = [];
      if (!followed.admitted && followed.wasOpen) {
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

  private async readReceipt(followed: Followed): Promise<Receipt | undefined> {
    followed.lookedAt = this.polls;
    const { key, jobId } = followed.job;
    return (await this.output.get(receiptKey(key, jobId), receiptSchema))?.record;
  }

  private async readProgress(followed: Followed): Promise<JobNews[]> {
    const stored = await this.ledger.get(statusKey(followed.job.jobId), statusSchema);
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

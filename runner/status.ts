import { timestamp } from '../lifecycle/clock';
import { messageOf } from '../lifecycle/errors';
import { statusKey } from '../lifecycle/job';
import type { Log } from '../lifecycle/log';
import type { Status } from '../lifecycle/records';
import type { DrainContext } from './context';
import { pause } from './pause';

const MAX_MESSAGE_CHARACTERS = 200;

/** A model's line `progress: 0.42 some words`; undefined for any other line. */
export function progressIn(line: string): Pick<Status, 'progress' | 'message'> | undefined {
  const found = /^progress:\s*(\d*\.?\d+)(?:\s+(\S.*))?\s*$/.exec(line);
  const progress = Number(found?.[1]);
  if (!found || !(progress >= 0 && progress <= 1)) return undefined;
  const message = found[2]?.trim().slice(0, MAX_MESSAGE_CHARACTERS);
  return message === undefined ? { progress } : { progress, message };
}

/** Writes a job's status for people: the latest one, at most one in two seconds. A failed write is no failure. */
export class StatusReport {
  private next: Status | undefined;
  private writing: Promise<void> | undefined;
  private readonly closing = new AbortController();

  constructor(
    private readonly context: DrainContext,
    private readonly job: Pick<Status, 'jobId' | 'attempt'>,
    private readonly log: Log,
  ) {}

  show(phase: Status['phase'], details: Pick<Status, 'progress' | 'message'> = {}): void {
    if (this.closing.signal.aborted) return;
    this.next = { version: 1, ...this.job, phase, ...details, at: timestamp(this.context.clock) };
    this.writing ??= this.write();
  }

  /** Nothing is written any more once this has settled. */
  async close(): Promise<void> {
    this.next = undefined;
    this.closing.abort('closed');
    await this.writing;
  }

  private async write(): Promise<void> {
    const { control, clock, timings } = this.context;
    while (this.next) {
      const status = this.next;
      this.next = undefined;
      try {
        await control.overwrite(statusKey(status.jobId), status);
      } catch (error) {
        this.log.warn('status not written', { error: messageOf(error) });
      }
      await pause(clock, timings.statusSeconds * 1000, this.closing.signal);
    }
    this.writing = undefined;
  }
}

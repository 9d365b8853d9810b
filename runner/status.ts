import { timestamp } from '../lifecycle/clock';
import { messageOf } from '../lifecycle/errors';
import { statusKey } from '../lifecycle/job';
import type { Log } from '../lifecycle/log';
import type { Status } from '../lifecycle/records';
import type { DrainContext } from './context';
import { sleepUnlessAborted } from './wait';

const MAX_MESSAGE_CHARACTERS = 200;

/** Parses a model's line `progress: 0.42 some words`. Undefined: the line is not progress. */
export function progressIn(line: string): Pick<Status, 'progress' | 'message'> | undefined {
  const found = /^progress:\s*(\d*\.?\d+)(?:\s+(\S.*))?\s*$/.exec(line);
  const progress = Number(found?.[1]);
  if (!found || !(progress >= 0 && progress <= 1)) return undefined;
  const message = found[2]?.trim().slice(0, MAX_MESSAGE_CHARACTERS);
  return message === undefined ? { progress } : { progress, message };
}

/** Writes a job's latest status for people, at most once in `statusSeconds`. Ignores failed writes, but logs them. */
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

  /** Drops the status that is not yet written. Settles when the last write has ended. Idempotent. */
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
      await sleepUnlessAborted(clock, timings.statusSeconds * 1000, this.closing.signal);
    }
    this.writing = undefined;
  }
}

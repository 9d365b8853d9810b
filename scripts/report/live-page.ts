import { hash } from 'node:crypto';
import type { Clock } from '../../lifecycle/clock';
import type { PipelineHandle } from '../pipeline/connect';
import type { WatchedJob } from '../pipeline/job-watch';
import { takenKeys } from '../pipeline/upload-files';
import { factsOf } from './facts';
import { LiveReader } from './live-reader';
import { LIVE_SCRIPT } from './live-script';
import { nowSection, uploadSection } from './live-sections';
import { resultsSection } from './live-results';
import { pageOf } from './page';
import { DEFAULT_PERIOD_MS } from './period';

interface Drawn {
  /** Everything that was read, as JSON, to compare with the next reading. */
  readonly read: string;
  readonly atMs: number;
  readonly text: string;
  readonly etag: string;
}

/** Interval after which an unchanged page is drawn again, in milliseconds. Drawing takes some tenths of a second. */
const REDRAWN_MS = 10_000;

/** The report of this moment. It is drawn again only when something has changed, and by one request at a time. */
export class LivePage {
  private readonly reader: LiveReader;
  private drawn: Drawn | undefined;
  private drawing: Promise<Drawn> | undefined;

  constructor(
    private readonly handle: PipelineHandle,
    private readonly clock: Clock,
  ) {
    this.reader = new LiveReader(handle);
  }

  async now(uploads: readonly WatchedJob[]): Promise<Pick<Drawn, 'text' | 'etag'>> {
    this.drawing ??= this.draw(uploads).finally(() => {
      this.drawing = undefined;
    });
    return this.drawing;
  }

  private async draw(uploads: readonly WatchedJob[]): Promise<Drawn> {
    const atMs = this.clock.now();
    const { readings, now } = await this.reader.read(atMs - DEFAULT_PERIOD_MS, atMs, uploads);
    const read = JSON.stringify([{ ...readings, nowMs: 0, sinceMs: 0 }, now]);
    if (this.drawn?.read === read && atMs - this.drawn.atMs < REDRAWN_MS) return this.drawn;
    const accepted = takenKeys(this.handle.manifest.models);
    const text = pageOf(factsOf(readings), {
      sections: [uploadSection(accepted), nowSection(now), resultsSection(readings.receipts)],
      script: LIVE_SCRIPT,
    });
    this.drawn = { read, atMs, text, etag: `"${hash('sha256', text, 'hex')}"` };
    return this.drawn;
  }
}

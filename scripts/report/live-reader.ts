import { sessionKey } from '../../lifecycle/job';
import type { PipelineHandle } from '../pipeline/connect';
import type { WatchedJob } from '../pipeline/job-watch';
import { ListedLedger } from '../pipeline/readings/listed-ledger';
import { ListedResults } from '../pipeline/readings/listed-results';
import { Collector, RESULTS_LISTED, SESSION_MARGIN_MS } from './collect';
import { readNow } from './now';

/**
 * Reads what the live page shows. Each read lists the control bucket, and then reads only what has changed since the last one,
 * however many jobs are open.
 */
export class LiveReader {
  private readonly ledger: ListedLedger;
  private readonly results: ListedResults;
  private sinceMs = 0;

  constructor(private readonly handle: PipelineHandle) {
    const { control, output } = handle;
    const from = () => sessionKey(new Date(this.sinceMs - SESSION_MARGIN_MS).toISOString());
    this.ledger = new ListedLedger(control, { sessionsFrom: from });
    this.results = new ListedResults(output, this.ledger, RESULTS_LISTED);
  }

  /** The report's readings since `sinceMs`, and the state of this moment. */
  async read(sinceMs: number, nowMs: number, uploads: readonly WatchedJob[]) {
    this.sinceMs = sinceMs;
    await this.ledger.refresh();
    await this.results.refresh();
    const listed = { ...this.handle, control: this.ledger, output: this.results };
    const [readings, now] = await Promise.all([
      new Collector(listed).collect(sinceMs, nowMs),
      readNow(listed, uploads),
    ]);
    return { readings, now };
  }
}

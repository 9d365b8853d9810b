import type { ProcessEnd } from '../runner/host';
import type { SimProcess } from './process';
import type { SimProgram } from './program';

/** How a run of a model ended, as its drain saw it. */
type RunEnd = 'well' | 'model failed' | 'no output' | 'time limit' | 'interrupted';

interface Ended {
  readonly end: RunEnd;
  readonly by: SimProcess;
  /** The number of the drain's failed calls when the run ended. */
  readonly callsFailed: number;
}

/** The ends of each job's runs. */
export class RunEnds {
  private readonly ends = new Map<string, Ended[]>();

  add({ jobId, owner, files, model }: SimProgram, { code, signal }: ProcessEnd, lastedMs: number): void {
    const ofJob = this.ends.get(jobId) ?? [];
    this.ends.set(jobId, ofJob);
    ofJob.push({ end: endOf(), by: owner, callsFailed: owner.callsFailed });

    function endOf(): RunEnd {
      // A model may exit by itself between SIGTERM and SIGKILL.
      if (lastedMs >= model.timeLimitMinutes * 60_000) return 'time limit';
      if (signal !== null) return 'interrupted';
      if (code !== 0) return 'model failed';
      return files === 0 ? 'no output' : 'well';
    }
  }

  has(jobId: string, wanted: RunEnd): boolean {
    return this.ends.get(jobId)?.some(({ end }) => end === wanted) === true;
  }

  /**
   * Whether the last run failed under this drain, and no call of the drain has failed since. Then the drain can have
   * written the receipt.
   */
  hasJustFailed(jobId: string, drain: SimProcess): boolean {
    const last = this.ends.get(jobId)?.at(-1);
    return last?.end === 'model failed' && last.by === drain && last.callsFailed === drain.callsFailed;
  }
}

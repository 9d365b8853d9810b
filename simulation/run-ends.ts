import type { ProcessEnd } from '../runner/host';
import type { SimProcess } from './process';
import type { SimProgram } from './program';

/** How a model's run ended, as the drain that began it has seen. */
type RunEnd = 'well' | 'model failed' | 'no output' | 'time limit' | 'broken off';

interface Ended {
  readonly end: RunEnd;
  readonly by: SimProcess;
  /** Of the drain's calls, when the run ended. */
  readonly callsFailed: number;
}

/** How the runs of each job have ended. */
export class RunEnds {
  private readonly ends = new Map<string, Ended[]>();

  add({ jobId, owner, files, model }: SimProgram, { code, signal }: ProcessEnd, lastedMs: number): void {
    const ofJob = this.ends.get(jobId) ?? [];
    this.ends.set(jobId, ofJob);
    ofJob.push({ end: endOf(), by: owner, callsFailed: owner.callsFailed });

    function endOf(): RunEnd {
      // In its grace a model may still end by itself.
      if (lastedMs >= model.timeLimitMinutes * 60_000) return 'time limit';
      if (signal !== null) return 'broken off';
      if (code !== 0) return 'model failed';
      return files === 0 ? 'no output' : 'well';
    }
  }

  has(jobId: string, wanted: RunEnd): boolean {
    return this.ends.get(jobId)?.some(({ end }) => end === wanted) === true;
  }

  /** Whether its last run failed under this drain, and no call of the drain's since: it can have written the receipt. */
  hasJustFailed(jobId: string, drain: SimProcess): boolean {
    const last = this.ends.get(jobId)?.at(-1);
    return last?.end === 'model failed' && last.by === drain && last.callsFailed === drain.callsFailed;
  }
}

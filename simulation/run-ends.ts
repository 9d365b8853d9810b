import type { ProcessEnd } from '../runner/host';
import type { SimProcess } from './process';
import type { SimProgram } from './program';
import type { SimModel } from './settings';

/** How a run of a model ended, as its drain saw it. */
type RunEnd = 'well' | 'model failed' | 'no output' | 'time limit' | 'memory' | 'outside' | 'interrupted';

/** Why the machine went down. `explained`: an orderly shutdown, a stop by anybody or a spot interruption. */
export type DeathCause = 'explained' | 'unexplained';

/** Unexplained deaths of the machine in a row, while the job ran alone, that may fail it. */
const MOST_DEATHS = 3;

/** Maximum ends of a job that a drain cannot see for what they are. */
const UNSEEN_ENDS = 8;

interface Ended {
  readonly end: RunEnd;
  readonly by: SimProcess;
  /** The number of the drain's failed calls when the run ended. */
  readonly callsFailed: number;
}

interface EndsOfJob {
  readonly ends: Ended[];
  /** The drain of the latest run. */
  lastRunBy: SimProcess | undefined;
  /** The latest run has ended in view of its drain. */
  hasLastRunEnded: boolean;
  setupFailed: boolean;
  /** The number of ends by the model that a drain has recorded in the ledger. */
  recorded: number;
  /** An end by the model that its drain has not recorded yet. */
  unrecorded: SimProcess | undefined;
  /** The drain that has not recorded a SIGKILL from where nobody can tell. */
  unrecordedKill: SimProcess | undefined;
  /** The ledger has such a SIGKILL. The next one is the model's doing. */
  wasKilled: boolean;
  /** Attempts that the machine, its drain or a person ended, since the model ended one. */
  interruptions: number;
  /** Unexplained deaths of the machine while the job ran alone, since the model ended an attempt. */
  deathsAlone: number;
}

/** What ended each job's attempts: the simulator's own knowledge, which no record of production code has a part in. */
export class RunEnds {
  private readonly jobs = new Map<string, EndsOfJob>();

  /** Called when a run begins. */
  begins(jobId: string, drain: SimProcess): void {
    const job = this.of(jobId);
    job.lastRunBy = drain;
    job.hasLastRunEnded = false;
    job.unrecorded = undefined;
    job.unrecordedKill = undefined;
  }

  /** Returns whether something else than the model and its drain ended the program. */
  add(ended: SimProgram, end: ProcessEnd, lastedMs: number): boolean {
    const { jobId, owner, program, endedBy } = ended;
    const job = this.of(jobId);
    if (program === 'setup') {
      if (end.code !== 0 && end.signal === null && endedBy === 'itself') job.setupFailed = true;
      return endedBy === 'outside';
    }
    // A drain that is told to end kills its models. What it sees then is its own doing, also after a time limit.
    const isKilledByDrain = owner.wasInterrupted && end.signal === 'SIGKILL';
    const how = isKilledByDrain ? 'interrupted' : runEndOf(ended, end, lastedMs, job.wasKilled);
    if (endedBy === 'untraced' && how === 'outside') job.unrecordedKill = owner;
    job.hasLastRunEnded = true;
    job.ends.push({ end: how, by: owner, callsFailed: owner.callsFailed });
    if (!isByModel(how)) return how === 'outside';
    job.unrecorded = owner;
    job.interruptions = 0;
    job.deathsAlone = 0;
    return false;
  }

  has(jobId: string, wanted: RunEnd): boolean {
    return this.of(jobId).ends.some(({ end }) => end === wanted);
  }

  hasSetupFailed(jobId: string): boolean {
    return this.of(jobId).setupFailed;
  }

  /** The number of runs that the model ended. */
  modelEnds(jobId: string): number {
    return this.of(jobId).ends.filter(({ end }) => isByModel(end)).length;
  }

  /** Called when a drain has written how an attempt at the job ended. */
  attemptRecorded(jobId: string, drain: SimProcess): void {
    const job = this.of(jobId);
    if (job.unrecordedKill === drain) job.wasKilled = true;
    if (job.unrecorded !== drain) return;
    job.unrecorded = undefined;
    job.recorded += 1;
  }

  /** The number of ends by the model that are in the ledger. */
  recordedModelEnds(jobId: string): number {
    return this.of(jobId).recorded;
  }

  /** Called when the machine, its drain or a person has ended an attempt at the job. */
  interrupted(jobId: string): void {
    this.of(jobId).interruptions += 1;
  }

  /** Whether this drain began the latest run of the job. */
  isOfLastRun(jobId: string, drain: string): boolean {
    return this.of(jobId).lastRunBy?.id === drain;
  }

  /** Called when the machine dies, no part knows why, and only this job's program ran. */
  diedAlone(jobId: string): void {
    this.of(jobId).deathsAlone += 1;
  }

  /** Whether the job may run once more. Not if its latest run worked or still runs, and nothing interrupted its drain. */
  mayRunAgain(jobId: string): boolean {
    const { ends, lastRunBy, hasLastRunEnded } = this.of(jobId);
    if (lastRunBy === undefined || lastRunBy.wasKilled || lastRunBy.wasInterrupted) return true;
    const last = ends.at(-1)?.end;
    const ended = ['model failed', 'time limit', 'memory', 'outside'];
    return hasLastRunEnded && last !== undefined && ended.includes(last);
  }

  /** Whether the job may end with a failed receipt now. */
  mayFail(jobId: string, { maxAttempts, maxInterruptions, retryOnFailure }: SimModel): boolean {
    const { setupFailed, interruptions, deathsAlone } = this.of(jobId);
    const byModel = this.modelEnds(jobId);
    const isUsedUp = byModel > 0 && (!retryOnFailure || byModel >= maxAttempts);
    if (isUsedUp || this.has(jobId, 'no output') || setupFailed) return true;
    return interruptions >= maxInterruptions || deathsAlone >= MOST_DEATHS;
  }

  /**
   * Whether the job has taken the machine down, or was interrupted, more often than the rules allow. The slack is for deaths
   * that no part could look up. If anything else than a death alone has interrupted the job, only its number is bounded.
   */
  isBoundless(jobId: string, { maxInterruptions }: SimModel): boolean {
    const { interruptions, deathsAlone } = this.of(jobId);
    if (interruptions >= maxInterruptions + UNSEEN_ENDS) return true;
    return interruptions === deathsAlone && deathsAlone >= MOST_DEATHS + UNSEEN_ENDS;
  }

  /** What has ended the job's attempts, in words. */
  describe(jobId: string): string {
    const { ends, interruptions, deathsAlone } = this.of(jobId);
    const runs = ends.map(({ end }) => end).join(', ') || 'none';
    return `ended runs: ${runs}; interruptions in a row: ${interruptions}; deaths alone: ${deathsAlone}`;
  }

  /**
   * Whether the last run failed under this drain, and no call of the drain has failed since. Then the drain can have
   * written the receipt.
   */
  hasJustFailed(jobId: string, drain: SimProcess): boolean {
    const last = this.of(jobId).ends.at(-1);
    return last?.end === 'model failed' && last.by === drain && last.callsFailed === drain.callsFailed;
  }

  private of(jobId: string): EndsOfJob {
    let job = this.jobs.get(jobId);
    if (!job) {
      job = {
        ends: [],
        lastRunBy: undefined,
        hasLastRunEnded: false,
        setupFailed: false,
        recorded: 0,
        unrecorded: undefined,
        unrecordedKill: undefined,
        wasKilled: false,
        interruptions: 0,
        deathsAlone: 0,
      };
      this.jobs.set(jobId, job);
    }
    return job;
  }
}

function runEndOf(
  { endedBy, model, files }: SimProgram,
  { code, signal }: ProcessEnd,
  lastedMs: number,
  wasKilled: boolean,
): RunEnd {
  // A model may exit by itself between SIGTERM and SIGKILL.
  if (lastedMs >= model.timeLimitMinutes * 60_000) return 'time limit';
  if (endedBy === 'memory') return 'memory';
  // One untraced SIGKILL is forgiven.
  if (endedBy === 'untraced') return wasKilled ? 'memory' : 'outside';
  if (endedBy === 'outside') return 'outside';
  if (signal !== null) return 'interrupted';
  if (code !== 0) return 'model failed';
  return files === 0 ? 'no output' : 'well';
}

function isByModel(end: RunEnd): boolean {
  return end === 'model failed' || end === 'no output' || end === 'time limit' || end === 'memory';
}

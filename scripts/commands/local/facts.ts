import { type Clock, systemClock } from '../../../lifecycle/clock';
import type { Manifest } from '../../../lifecycle/manifest';
import type { Receipt } from '../../../lifecycle/records';
import type { Terminal } from '../../console/terminal';
import { Exit, type ExitCode } from '../../console/exit';
import { explain } from '../../console/explain';
import type { CloudEvent } from '../../../local-cloud/clockwork/events';
import type { WatchedJob } from '../../pipeline/job-watch';
import type { ResultFile } from '../../pipeline/results';
import type { Job } from '../../pipeline/upload-files';

/** One line of `lamplighter local --json`, without its time. */
export type LocalFact =
  /** The cloud is up and the pipeline is deployed. From now on it accepts uploads. */
  | {
      readonly event: 'ready';
      readonly endpoint: string;
      readonly pipeline: string;
      readonly region: string;
      readonly dataBucket: string;
      readonly outputBucket: string;
      readonly controlBucket: string;
      readonly instanceId: string;
      readonly models: readonly string[];
    }
  /** The live page is being served. Never with `--once`. */
  | { readonly event: 'page'; readonly url: string }
  | ({ readonly event: 'uploaded' } & Job)
  /** An event of the local cloud. `kind` determines the other fields. */
  | ({ readonly event: 'happening' } & CloudEvent)
  /** The progress of an open job. */
  | ({ readonly event: 'progress'; readonly text: string } & WatchedJob)
  /** A job has its receipt. */
  | ({ readonly event: 'ended' } & Ended)
  /** The last line, after everything was taken down. */
  | ({ readonly event: 'done' } & LocalEnd);

interface Ended extends WatchedJob {
  readonly outcome: Receipt['outcome'];
  /** Copies of the results. Empty if one could not be copied. */
  readonly results: readonly ResultFile[];
  /** Reason why there are no copies. */
  readonly error?: string | undefined;
  readonly receipt: Receipt;
}

interface LocalEnd {
  readonly outcome: 'succeeded' | 'failed' | 'interrupted' | 'error';
  readonly exitCode: ExitCode;
  /** Number of ended jobs. */
  readonly jobs: { readonly succeeded: number; readonly failed: number };
  readonly error?: string;
}

export type EmitFact = (fact: LocalFact) => void;

export function readyFact(endpoint: string, manifest: Manifest): LocalFact {
  const { pipeline, region, dataBucket, outputBucket, controlBucket, instanceId, models } = manifest;
  return {
    event: 'ready',
    ...{ endpoint, pipeline, region, dataBucket, outputBucket, controlBucket, instanceId },
    models: models.map(({ name }) => name),
  };
}

export function endedFact(
  receipt: Receipt,
  fetched: { readonly files?: readonly ResultFile[]; readonly error?: string },
): LocalFact {
  const { jobId, input, outcome } = receipt;
  const { files: results = [], error } = fetched;
  return { event: 'ended', jobId, key: input.key, outcome, results, error, receipt };
}

/**
 * Runs a command that prints each fact as a line of JSON on stdout, and its text for people on stderr. The last line is the
 * outcome, also when the command throws.
 */
export async function inLines(
  terminal: Terminal,
  run: (people: Terminal, emit: EmitFact) => Promise<ExitCode>,
  clock: Clock = systemClock,
): Promise<ExitCode> {
  const jobs = { succeeded: 0, failed: 0 };
  const emit: EmitFact = (fact) => {
    if (fact.event === 'ended') jobs[fact.outcome] += 1;
    const { event, ...details } = fact;
    terminal.out(JSON.stringify({ event, at: new Date(clock.now()).toISOString(), ...details }));
  };
  // With JSON on stdout, no output is a screen.
  const people: Terminal = { ...terminal, columns: undefined, out: (line = '') => terminal.err(line) };
  try {
    const exitCode = await run(people, emit);
    emit({ event: 'done', outcome: OUTCOMES[exitCode] ?? 'error', exitCode, jobs });
    return exitCode;
  } catch (thrown) {
    const { message, exitCode } = explain(thrown);
    const isInterrupted = exitCode === Exit.interrupted;
    const reason = isInterrupted ? {} : { error: message };
    emit({ event: 'done', outcome: OUTCOMES[exitCode] ?? 'error', exitCode, jobs, ...reason });
    throw thrown;
  }
}

const OUTCOMES: Readonly<Partial<Record<ExitCode, LocalEnd['outcome']>>> = {
  [Exit.ok]: 'succeeded',
  [Exit.jobFailed]: 'failed',
  [Exit.interrupted]: 'interrupted',
};

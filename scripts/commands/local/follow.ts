import { systemClock } from '../../../lifecycle/clock';
import { messageOf } from '../../../lifecycle/errors';
import type { Manifest } from '../../../lifecycle/manifest';
import type { Receipt } from '../../../lifecycle/records';
import { Store } from '../../../lifecycle/store';
import type { Steps } from '../../console/steps';
import { type Terminal, duration, printable } from '../../console/terminal';
import { BrokenError, Exit, type ExitCode, InterruptedError } from '../../console/exit';
import { pause } from '../../console/interrupt';
import { JobWatch, type WatchedJob } from '../../pipeline/job-watch';
import { describeInstance } from '../../pipeline/readings/instance';
import { type ResultFile, downloadResults, showResults } from '../../pipeline/results';
import type { Clients } from '../../pipeline/target';
import { type EmitFact, endedFact } from './facts';

export interface FollowedPipeline {
  readonly clients: Clients;
  readonly manifest: Manifest;
  readonly steps: Steps;
  readonly terminal: Terminal;
  readonly emit: EmitFact;
  readonly signal: AbortSignal;
  /** Folder for the copies of the results. */
  readonly results: string;
  /** Keys of receipts of which the local cloud has notified a function since the last poll. */
  readonly noticed: string[];
}

const POLL_MS = 400;
/** Milliseconds for the admission of an upload. Three sweeps run in this time. */
const ADMISSION_LIMIT_MS = 200_000;
const STOP_LIMIT_MS = 300_000;

/** Follows the jobs to their receipts and the instance to its stop. Throws BrokenError when either takes too long. */
export async function followUntilStopped(
  pipeline: FollowedPipeline,
  jobs: readonly WatchedJob[],
): Promise<ExitCode> {
  const watch = watchOf(pipeline);
  for (const job of jobs) watch.add(job);
  const ended: Ended[] = [];
  const began = systemClock.now();
  while (watch.openCount > 0) {
    ended.push(...(await poll(pipeline, watch)));
    const [lost] = watch.waiting;
    if (lost && systemClock.now() - began > ADMISSION_LIMIT_MS) {
      throw new BrokenError(
        `"${lost.key}" was uploaded, but was not admitted within ${duration(ADMISSION_LIMIT_MS)}.`,
      );
    }
    if (watch.openCount > 0) await pause(watch.pauseMs(POLL_MS), pipeline.signal);
  }
  await untilStopped(pipeline);
  for (const one of ended) await showEnd(pipeline, one);
  const failed = ended.filter(({ receipt }) => receipt.outcome === 'failed').length;
  pipeline.terminal.out();
  pipeline.steps.show(
    'done',
    failed === 0
      ? `${ended.length === 1 ? 'the job' : `all ${ended.length} jobs`} succeeded, the instance is stopped`
      : `${failed} of ${ended.length} jobs failed, the instance is stopped`,
    failed === 0 ? 'good' : 'bad',
  );
  return failed === 0 ? Exit.ok : Exit.jobFailed;
}

/**
 * Follows these jobs and every later one until interrupted.
 * @param onFirstDone called when the given jobs have ended
 */
export async function followForever(
  pipeline: FollowedPipeline,
  jobs: readonly WatchedJob[],
  onFirstDone: () => void,
): Promise<never> {
  const watch = watchOf(pipeline, 'all');
  for (const job of jobs) watch.add(job);
  let isFirst = true;
  for (;;) {
    for (const one of await poll(pipeline, watch)) await showEnd(pipeline, one);
    if (isFirst && watch.openCount === 0) {
      isFirst = false;
      onFirstDone();
    }
    await pause(watch.pauseMs(POLL_MS), pipeline.signal);
  }
}

function watchOf({ clients, manifest }: FollowedPipeline, whose?: 'all'): JobWatch {
  return new JobWatch(
    new Store(clients.s3, manifest.controlBucket),
    new Store(clients.s3, manifest.outputBucket),
    systemClock,
    whose,
  );
}

/** A job that has ended, with the copies of its results. */
interface Ended {
  readonly receipt: Receipt;
  readonly files?: readonly ResultFile[];
  readonly error?: string;
}

async function poll(pipeline: FollowedPipeline, watch: JobWatch): Promise<Ended[]> {
  const { steps, emit, signal } = pipeline;
  const ended: Ended[] = [];
  for (const key of pipeline.noticed.splice(0)) watch.notice(key);
  for (const { job, text, mood, receipt } of await watch.poll()) {
    if (signal.aborted) throw new InterruptedError();
    steps.show('job', `${job.key}: ${text}`, mood);
    if (receipt) {
      const one = { receipt, ...(await fetchResults(pipeline, receipt)) };
      emit(endedFact(receipt, one));
      ended.push(one);
    } else {
      emit({ event: 'progress', ...job, text });
    }
  }
  return ended;
}

async function fetchResults(
  { clients, manifest, results, signal }: FollowedPipeline,
  receipt: Receipt,
): Promise<Omit<Ended, 'receipt'>> {
  try {
    return { files: await downloadResults(clients.s3, manifest.outputBucket, receipt, results) };
  } catch (error) {
    if (signal.aborted) throw new InterruptedError();
    return { error: messageOf(error) };
  }
}

async function showEnd(pipeline: FollowedPipeline, { receipt, files, error }: Ended): Promise<void> {
  const { manifest, terminal, steps } = pipeline;
  if (files) return showResults(terminal, manifest.outputBucket, receipt, files);
  const key = printable(receipt.input.key);
  steps.show('job', `the results of ${key} could not be fetched: ${error ?? ''}`, 'bad');
}

async function untilStopped({ clients, manifest, signal }: FollowedPipeline): Promise<void> {
  const began = systemClock.now();
  for (;;) {
    const state = (await describeInstance(clients.ec2, manifest.instanceId))?.state;
    if (state === 'stopped') return;
    if (systemClock.now() - began > STOP_LIMIT_MS) {
      throw new BrokenError(
        `Every job has its receipt, but the instance is still ${state ?? 'unknown'} after ${duration(STOP_LIMIT_MS)}.`,
      );
    }
    await pause(POLL_MS, signal);
  }
}

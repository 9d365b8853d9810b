import { resolve } from 'node:path';
import { systemClock } from '../../../lifecycle/clock';
import { messageOf } from '../../../lifecycle/errors';
import type { Manifest } from '../../../lifecycle/manifest';
import type { Receipt } from '../../../lifecycle/records';
import { Steps } from '../../console/steps';
import { print } from '../../console/print';
import type { Terminal } from '../../console/terminal';
import { Exit, type ExitCode, InterruptedError } from '../../console/exit';
import { pause } from '../../console/interrupt';
import { findPipeline } from '../../pipeline/find-pipeline';
import { waitReasons } from '../../doctor/wait-reasons';
import { usualText, usualTimes } from '../../pipeline/usual-time';
import { type PipelineHandle, handleOf } from '../../pipeline/connect';
import { JobWatch, type WatchedJob } from '../../pipeline/job-watch';
import { describeInstance } from '../../pipeline/readings/instance';
import { downloadResults, resultsFolder, showResults } from '../../pipeline/results';
import { type Target, type TargetOptions, chooseTarget } from '../../pipeline/target';
import { planUploads } from '../../pipeline/upload-files';
import { shortPath } from '../../tools/project';
import { type Outcome, outcomesJson } from './outcome';
import { uploadAll } from './upload-all';

export interface SubmitOptions extends TargetOptions {
  readonly files: readonly string[];
  readonly prefix: string;
  readonly pipeline?: string | undefined;
  readonly wait: boolean;
  /** Folder for the copies of the results. */
  readonly out: string;
  readonly json: boolean;
  /** The model that must accept every file. */
  readonly model?: string | undefined;
}

/** Uploads files to a pipeline and, with `wait`, waits for their results. A failure of one file does not stop the others. */
export async function submit(
  options: SubmitOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ExitCode> {
  const progress = options.json ? { ...terminal, out: (line = '') => terminal.err(line) } : terminal;
  const target = await chooseTarget(options);
  terminal.err(`Using ${target.text}.`);
  const manifest = await findPipeline(target.clients.ssm, options.pipeline, target.cloud);
  const steps = new Steps(progress, systemClock);
  const planned = planUploads(options.files, options.prefix, manifest.models, {
    model: options.model,
    onSkipped: (name, reason) => steps.show('skipped', `${name}: ${reason}`),
  });

  const uploaded = await uploadAll(planned, target.clients.s3, manifest.dataBucket, steps, signal);
  const outcomes = options.wait
    ? await waitForAll(uploaded, { manifest, target, steps, signal, out: resolve(options.out), progress })
    : uploaded;

  if (options.json) terminal.out(JSON.stringify(outcomesJson(target, manifest, outcomes), null, 2));
  else if (!options.wait) print(terminal, 'Check progress: npx lamplighter status');
  if (outcomes.some(({ error }) => error !== undefined)) return Exit.broken;
  return outcomes.some(({ receipt }) => receipt?.outcome === 'failed') ? Exit.jobFailed : Exit.ok;
}

interface Waiting {
  readonly manifest: Manifest;
  readonly target: Target;
  readonly steps: Steps;
  readonly signal: AbortSignal;
  /** Absolute path of the folder for the copies of the results. */
  readonly out: string;
  /** Destination of the progress: stderr if stdout is JSON. */
  readonly progress: Terminal;
}

async function waitForAll(uploaded: readonly Outcome[], waiting: Waiting): Promise<Outcome[]> {
  const { manifest, target, steps, signal } = waiting;
  const handle = handleOf(target, manifest);
  const watch = new JobWatch(handle.control, handle.output, systemClock);
  const ended = new Map<string, Outcome>();
  for (const { job } of uploaded) if (job) watch.add(job);
  try {
    await showUsualTimes(handle, uploaded, steps);
    let pollsToReason = 1;
    while (watch.openCount > 0) {
      await showInstance(target, manifest, steps);
      if (pollsToReason === 0) await showReasons(handle, watch.notBegun, steps);
      pollsToReason = pollsToReason === 0 ? pollsPerReason(watch.notBegun.length) : pollsToReason - 1;
      for (const { job, text, mood, receipt } of await watch.poll()) {
        steps.show('job', `${job.key}: ${text}`, mood);
        const outcome = uploaded.find((one) => one.job?.jobId === job.jobId);
        if (receipt && outcome) ended.set(job.jobId, await collect(outcome, receipt, waiting));
      }
      if (watch.openCount > 0) await pause(watch.pauseMs(target.pollMs), signal);
    }
  } catch (error) {
    if (error instanceof InterruptedError) {
      waiting.progress.err('Stopped waiting; the jobs continue. Check progress: npx lamplighter status');
    }
    throw error;
  }
  return uploaded.map((outcome) => ended.get(outcome.job?.jobId ?? '') ?? outcome);
}

/**
 * Polls between two readings of the reasons. A reading takes a dozen requests, and four for each waiting job up to the 50 that
 * it reads. So the readings take about five requests a poll.
 */
const pollsPerReason = (waiting: number) => Math.min(Math.max(waiting, 5), 50) - 1;

/** Shows why open jobs have not begun. Best effort: the user may lack the permissions to read it. */
async function showReasons(
  handle: PipelineHandle,
  waiting: readonly WatchedJob[],
  steps: Steps,
): Promise<void> {
  if (waiting.length === 0) return;
  try {
    const reasons = await waitReasons(handle, systemClock);
    for (const { jobId, key } of waiting) {
      const reason = reasons.get(jobId);
      if (reason !== undefined) steps.changed(`waits ${jobId}`, `${key} waits: ${reason}`, 'plain', 'job');
    }
  } catch (error) {
    steps.changed('why', `cannot read why the jobs wait: ${messageOf(error)}`, 'plain', 'job');
  }
}

/** Shows how long earlier jobs of the same models took. */
async function showUsualTimes(
  handle: PipelineHandle,
  uploaded: readonly Outcome[],
  steps: Steps,
): Promise<void> {
  const models = new Set(uploaded.flatMap(({ job, planned }) => (job ? [planned.model] : [])));
  try {
    for (const usual of await usualTimes(handle, [...models], systemClock.now()))
      steps.show('usual', usualText(usual));
  } catch (error) {
    steps.show('usual', `cannot read how long jobs usually take: ${messageOf(error)}`);
  }
}

async function collect(outcome: Outcome, receipt: Receipt, waiting: Waiting): Promise<Outcome> {
  const { manifest, target, progress } = waiting;
  try {
    const files = await downloadResults(target.clients.s3, manifest.outputBucket, receipt, waiting.out);
    await showResults(progress, manifest.outputBucket, receipt, files);
    print(progress, [
      `  ${progress.colours.dim('receipt:')} ${shortPath(resultsFolder(waiting.out, receipt))}/receipt.json`,
      '',
    ]);
    return { ...outcome, receipt, files };
  } catch (error) {
    const text = `the results of ${receipt.input.key} could not be fetched: ${messageOf(error)}`;
    waiting.steps.show('job', text, 'bad');
    return { ...outcome, receipt, error: text };
  }
}

/** Shows the instance's state and an order to pause it. Best effort: the user may lack the permission to read it. */
async function showInstance({ clients }: Target, manifest: Manifest, steps: Steps): Promise<void> {
  try {
    const { state = 'unknown', pause: order } =
      (await describeInstance(clients.ec2, manifest.instanceId)) ?? {};
    const paused = order === undefined ? '' : `, and paused (lamplighter:pause = ${order})`;
    steps.changed('instance', `${manifest.instanceId} is ${state}${paused}`);
  } catch (error) {
    steps.changed('instance', `cannot be read: ${messageOf(error)}`);
  }
}

import { DescribeInstancesCommand } from '@aws-sdk/client-ec2';
import { resolve } from 'node:path';
import pLimit from 'p-limit';
import { systemClock } from '../../../lifecycle/clock';
import { messageOf } from '../../../lifecycle/errors';
import type { Manifest } from '../../../lifecycle/manifest';
import type { Receipt } from '../../../lifecycle/records';
import { Store } from '../../../lifecycle/store';
import { UploadBars } from './upload-bars';
import { Steps } from '../../console/steps';
import { print } from '../../console/print';
import { type Terminal, bytes } from '../../console/terminal';
import { Exit, type ExitCode, InterruptedError } from '../../console/exit';
import { pause } from '../../console/interrupt';
import { findPipeline } from '../../pipeline/find';
import { waitReasons } from '../../doctor/wait-reasons';
import { usualText, usualTimes } from '../../pipeline/usual-time';
import { type PipelineHandle, handleOf } from '../../pipeline/connect';
import { JobWatch, type WatchedJob } from '../../pipeline/job-watch';
import { type ResultFile, downloadResults, resultsFolder, showResults } from '../../pipeline/results';
import { type Target, type TargetOptions, chooseTarget } from '../../pipeline/target';
import { type Job, type PlannedUpload, planUploads, upload } from '../../pipeline/uploads';
import { shortPath } from '../../tools/project';

export interface SubmitOptions extends TargetOptions {
  readonly files: readonly string[];
  readonly prefix: string;
  readonly pipeline?: string | undefined;
  readonly wait: boolean;
  /** Folder for the results' copies. */
  readonly out: string;
  readonly json: boolean;
  /** The model that has to take every file. */
  readonly model?: string | undefined;
}

/** What became of one file. */
interface Outcome {
  readonly planned: PlannedUpload;
  readonly job?: Job;
  readonly receipt?: Receipt;
  readonly files?: readonly ResultFile[];
  readonly error?: string;
}

/** Uploads files to a pipeline and, if asked to, waits for their results. One file's trouble does not end the others'. */
export async function submit(
  options: SubmitOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ExitCode> {
  const told = options.json ? { ...terminal, out: (line = '') => terminal.err(line) } : terminal;
  const target = await chooseTarget(options);
  terminal.err(`Using ${target.text}.`);
  const manifest = await findPipeline(target.clients.ssm, options.pipeline, target.cloud);
  const steps = new Steps(told, systemClock);
  const planned = planUploads(options.files, options.prefix, manifest.models, {
    model: options.model,
    onSkipped: (name, why) => steps.say('skipped', `${name}: ${why}`),
  });

  const uploaded = await uploadAll(planned, manifest, target, steps, signal);
  const outcomes = options.wait
    ? await waitForAll(uploaded, { manifest, target, steps, signal, out: resolve(options.out), told })
    : uploaded;

  if (options.json) terminal.out(JSON.stringify(asJson(target, manifest, outcomes), null, 2));
  else if (!options.wait) print(terminal, 'See how they fare with: npx lamplighter status');
  if (outcomes.some(({ error }) => error !== undefined)) return Exit.broken;
  return outcomes.some(({ receipt }) => receipt?.outcome === 'failed') ? Exit.jobFailed : Exit.ok;
}

async function uploadAll(
  planned: readonly PlannedUpload[],
  manifest: Manifest,
  target: Target,
  steps: Steps,
  signal: AbortSignal,
): Promise<Outcome[]> {
  const bars = new UploadBars(planned, steps.isOnTerminal ? process.stderr : undefined);
  const limit = pLimit(UPLOADS_AT_ONCE);
  const { s3 } = target.clients;
  const ends = await Promise.allSettled(
    planned.map((one) =>
      limit(async () => {
        const bar = bars.begin(one);
        try {
          return await upload(s3, manifest.dataBucket, one, signal, bar.update);
        } finally {
          bar.end();
        }
      }),
    ),
  );
  bars.stop();

  const outcomes: Outcome[] = [];
  for (const [index, one] of planned.entries()) {
    const end = ends[index];
    if (end?.status === 'fulfilled') {
      const name = `${shortPath(one.file)} (${bytes(one.sizeBytes)})`;
      steps.say('upload', `${name} → s3://${manifest.dataBucket}/${one.key}`);
      steps.say('upload', `job ${end.value.jobId.slice(0, 12)}, for the model ${one.model}`);
      outcomes.push({ planned: one, job: end.value });
    } else if (!(end?.reason instanceof InterruptedError)) {
      const error = messageOf(end?.reason);
      steps.say('upload', `${shortPath(one.file)} was not uploaded: ${error}`, 'bad');
      outcomes.push({ planned: one, error });
    }
  }
  if (signal.aborted) {
    const whole = outcomes.filter(({ job }) => job !== undefined).length;
    steps.say(
      'upload',
      `interrupted: ${whole} of ${planned.length} files are uploaded, none of them by half`,
    );
    throw new InterruptedError();
  }
  return outcomes;
}

/** Beside each other; each in parts, four of them at once. */
const UPLOADS_AT_ONCE = 3;

interface Waiting {
  readonly manifest: Manifest;
  readonly target: Target;
  readonly steps: Steps;
  readonly signal: AbortSignal;
  /** An absolute path. */
  readonly out: string;
  readonly told: Terminal;
}

async function waitForAll(uploaded: readonly Outcome[], waiting: Waiting): Promise<Outcome[]> {
  const { manifest, target, steps, signal } = waiting;
  const { s3 } = target.clients;
  const watch = new JobWatch(
    new Store(s3, manifest.controlBucket),
    new Store(s3, manifest.outputBucket),
    systemClock,
  );
  const ended = new Map<string, Outcome>();
  for (const { job } of uploaded) if (job) watch.add(job);
  const handle = handleOf(target, manifest);
  try {
    await sayUsual(handle, uploaded, steps);
    for (let looks = 0; watch.openCount > 0; looks += 1) {
      await sayInstance(target, manifest, steps);
      if (looks % LOOKS_PER_REASON === 1) await sayWhy(handle, watch.notBegun, steps);
      for (const { job, text, mood, receipt } of await watch.poll()) {
        steps.say('job', `${job.key}: ${text}`, mood);
        const outcome = uploaded.find((one) => one.job?.jobId === job.jobId);
        if (receipt && outcome) ended.set(job.jobId, await collect(outcome, receipt, waiting));
      }
      if (watch.openCount > 0) await pause(target.pollMs, signal);
    }
  } catch (error) {
    if (error instanceof InterruptedError) {
      waiting.told.err('No longer waiting; the jobs go on. See them with: npx lamplighter status');
    }
    throw error;
  }
  return uploaded.map((outcome) => ended.get(outcome.job?.jobId ?? '') ?? outcome);
}

/** Why a job waits takes a dozen requests to find out. */
const LOOKS_PER_REASON = 5;

/** Why jobs that are open have not begun. Best effort: who submits may not be allowed to see it. */
async function sayWhy(handle: PipelineHandle, waiting: readonly WatchedJob[], steps: Steps): Promise<void> {
  if (waiting.length === 0) return;
  try {
    const reasons = await waitReasons(handle, systemClock);
    for (const { jobId, key } of waiting) {
      const reason = reasons.get(jobId);
      if (reason !== undefined) steps.changed(`waits ${jobId}`, `${key} waits: ${reason}`, 'plain', 'job');
    }
  } catch (error) {
    steps.changed('why', `why the jobs wait cannot be seen: ${messageOf(error)}`, 'plain', 'job');
  }
}

/** How long such jobs took before. */
async function sayUsual(handle: PipelineHandle, uploaded: readonly Outcome[], steps: Steps): Promise<void> {
  const models = new Set(uploaded.flatMap(({ job, planned }) => (job ? [planned.model] : [])));
  try {
    for (const usual of await usualTimes(handle, [...models], systemClock.now()))
      steps.say('usual', usualText(usual));
  } catch (error) {
    steps.say('usual', `how long it usually takes cannot be seen: ${messageOf(error)}`);
  }
}

async function collect(outcome: Outcome, receipt: Receipt, waiting: Waiting): Promise<Outcome> {
  const { manifest, target, told } = waiting;
  try {
    const files = await downloadResults(target.clients.s3, manifest.outputBucket, receipt, waiting.out);
    await showResults(told, manifest.outputBucket, receipt, files);
    print(told, [
      `  ${told.colours.dim('receipt:')} ${shortPath(resultsFolder(waiting.out, receipt))}/receipt.json`,
      '',
    ]);
    return { ...outcome, receipt, files };
  } catch (error) {
    const text = `the results of ${receipt.input.key} could not be fetched: ${messageOf(error)}`;
    waiting.steps.say('job', text, 'bad');
    return { ...outcome, receipt, error: text };
  }
}

/** What the instance does, and an order of people that keeps it from starting. Best effort: who submits may not be allowed to see it. */
async function sayInstance({ clients }: Target, manifest: Manifest, steps: Steps): Promise<void> {
  try {
    const { Reservations } = await clients.ec2.send(
      new DescribeInstancesCommand({ InstanceIds: [manifest.instanceId] }),
    );
    const instance = Reservations?.[0]?.Instances?.[0];
    const ordered = instance?.Tags?.find(({ Key }) => Key === 'lamplighter:pause');
    const paused = ordered ? `, and ordered not to start (lamplighter:pause = ${ordered.Value ?? ''})` : '';
    steps.changed('instance', `${manifest.instanceId} is ${instance?.State?.Name ?? 'unknown'}${paused}`);
  } catch (error) {
    steps.changed('instance', `cannot be seen: ${messageOf(error)}`);
  }
}

function asJson(target: Target, manifest: Manifest, outcomes: readonly Outcome[]) {
  return {
    command: 'submit',
    cloud: target.cloud,
    pipeline: manifest.pipeline,
    jobs: outcomes.map(({ planned, job, receipt, files, error }) => ({
      file: planned.file,
      bucket: manifest.dataBucket,
      key: planned.key,
      model: planned.model,
      versionId: job?.versionId,
      jobId: job?.jobId,
      outcome: receipt?.outcome,
      results: files?.map(({ key, sizeBytes, file }) => ({ key, sizeBytes, file })),
      receipt,
      error,
    })),
  };
}

import type { Receipt } from '../lifecycle/records';
import type { MakeCheck } from './check-list';
import type { Fault, Faults } from './faults';
import type { SimInstance } from './instance';
import type { RunEnds } from './run-ends';
import { CLOCK_SLACK_MS } from './settings';
import type { World } from './world';

/** One run of a model's program. */
export interface Run {
  readonly jobId: string;
  readonly drain: string;
  readonly attempt: number;
}

/** Faults that can end an attempt, and so a job, although the model works. */
const INTERRUPTING_FAULTS: readonly Fault[] = [
  'instance crashes',
  'instance reboots',
  'spot interruption',
  'person stops it',
  'drain killed',
  'drain dies at a call',
  'call failed',
  'call late',
  'call given up',
  'call refused',
];

/** Checks a receipt against what has happened. May end the history. `runOf` returns the run that wrote an output. */
export function checkReceipt(
  { jobId, input, attempt, outcome, outputs, startedAt, endedAt, instance, claimedAt, error }: Receipt,
  world: World & { readonly instance: Pick<SimInstance, 'onTimes'> },
  runOf: (key: string) => Run | undefined,
  ends: RunEnds,
  check: MakeCheck,
): void {
  const { timeline, settings, faults, instance: ec2 } = world;
  const model =
    settings.models.find(({ prefix }) => prefix !== '' && input.key.startsWith(prefix)) ?? settings.models[0];
  const detail = (what: string) => () => `receipt of ${jobId.slice(0, 6)}: ${what}`;
  const checkTruth = (holds: boolean, what: string) => check('receipts tell the truth', holds, detail(what));
  // A drain that cannot read the card assumes a maxAttempts of 2.
  const mostAttempts = Math.max(model?.maxAttempts ?? 0, 2);
  check('attempts within bounds', attempt <= mostAttempts, detail(`attempt ${attempt}`));
  for (const { key } of outputs) {
    const run = runOf(key);
    const isItsRun = run?.jobId === jobId && run.drain === instance.drainId && run.attempt === attempt;
    checkTruth(isItsRun, `${key} is of another run`);
  }
  if (error !== undefined) {
    check('no job fails without a reason', hasReason(error.kind, jobId, faults, ends), detail(error.message));
    const isLast = model?.retryOnFailure !== true || attempt >= model.maxAttempts;
    check('a failed model is retried as its card says', error.kind !== 'model failed' || isLast, () => {
      return `job ${jobId.slice(0, 6)} fails with attempt ${attempt}, though retryOnFailure is true`;
    });
  }
  checkTruth((outcome === 'succeeded') === outputs.length > 0, `${outcome} with ${outputs.length} files`);
  const times = [claimedAt, startedAt, endedAt].filter((time) => time !== undefined).map(Date.parse);
  const areInOrder = times.every((time, index) => time >= (times[index - 1] ?? 0));
  checkTruth(areInOrder, `times out of order: ${times.join(', ')}`);
  const begin = times[0] ?? 0;
  const end = times.at(-1) ?? 0;
  const on = ec2.onTimes.some(({ from, to }) => from <= begin + CLOCK_SLACK_MS && end <= to + CLOCK_SLACK_MS);
  checkTruth(on && end <= timeline.now + CLOCK_SLACK_MS, 'the instance was off at its times');
}

function hasReason(kind: string, jobId: string, { injected, hasCrashPoint }: Faults, ends: RunEnds): boolean {
  switch (kind) {
    case 'model failed':
    case 'no output':
    case 'time limit':
      return ends.has(jobId, kind);
    case 'setup failed':
      return injected.has('setup fails');
    default:
      return hasCrashPoint || INTERRUPTING_FAULTS.some((fault) => injected.has(fault));
  }
}

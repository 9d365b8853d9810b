import type { Receipt } from '../lifecycle/records';
import type { MakeCheck } from './check-list';
import type { SimInstance } from './instance';
import type { RunEnds } from './run-ends';
import { CLOCK_SLACK_MS, LONGEST_SHUTDOWN_MS } from './settings';
import type { World } from './world';

/** One run of a model's program. */
export interface Run {
  readonly jobId: string;
  readonly drain: string;
  readonly attempt: number;
}

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
  for (const { key } of outputs) {
    const run = runOf(key);
    const isItsRun = run?.jobId === jobId && run.drain === instance.drainId && run.attempt === attempt;
    checkTruth(isItsRun, `${key} is of another run`);
  }
  if (error !== undefined) {
    check('no job fails without a reason', hasReason(error.kind, jobId, ends), detail(error.message));
    check("only the model's own doing fails a job", !model || ends.mayFail(jobId, model), () => {
      return `job ${jobId.slice(0, 6)}, ${error.kind}: ${error.message}; ${ends.describe(jobId)}`;
    });
    const isLast = model?.retryOnFailure !== true || ends.modelEnds(jobId) >= model.maxAttempts;
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
  // EC2 bills no longer when an instance begins to stop, but its drain may work until the end of the shutdown.
  const shutdownMs = faults.has('slow shutdown') ? LONGEST_SHUTDOWN_MS : 0;
  const slackMs = CLOCK_SLACK_MS + faults.greatestBootClockErrorMs + shutdownMs;
  const on = ec2.onTimes.some(({ from, to }) => from <= begin + slackMs && end <= to + slackMs);
  checkTruth(on && end <= timeline.now + slackMs, 'the instance was off at its times');
}

/** Whether the model has done what a receipt of this kind says. */
function hasReason(kind: string, jobId: string, ends: RunEnds): boolean {
  switch (kind) {
    case 'model failed':
    case 'no output':
    case 'time limit':
    case 'memory':
      return ends.has(jobId, kind);
    case 'setup failed':
      return ends.hasSetupFailed(jobId);
    default:
      return true;
  }
}

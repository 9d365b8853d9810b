import { deathsAloneInARow, describeEnded, interruptionsInARow } from '../../lifecycle/attempts';
import { shortId } from '../../lifecycle/job';
import { NEWER_OPEN_MS, type EndCause } from '../../lifecycle/records';
import { duration } from '../console/terminal';
import { CAUSE_NAMES } from '../pipeline/ended-attempts';
import { isLive, recordIn } from '../pipeline/readings/records';
import type { Facts, OpenJob } from './facts';
import { type Finders, type FoundTrouble, NAMED } from './finding';
import { isNewer, waitReason, waitedMs } from './waiting';

/** Minimum time that a job may wait, for the machine to boot and to be set up. */
const WAIT_LIMIT_MS = 15 * 60_000;

/** Number of sweeps that get the chance to wake the instance for a waiting job. */
const SWEEPS_WAITED = 3;

/** Interruptions in a row from which `doctor` reports a job. */
const INTERRUPTIONS_REPORTED = 3;

/** What can be wrong with jobs and uploads. */
export const JOB_FINDERS = {
  /** Not while another job runs, because this one is queued, nor while the pipeline is paused, which is a finding of its own. */
  'job-waits': (facts, now) => {
    const { open, instance, manifest } = facts;
    if (!open || (instance && instance !== 'gone' && instance.pause !== undefined)) return undefined;
    if (open.jobs.some(({ claim }) => isLive(claim, now))) return undefined;
    const limitMs = Math.max(WAIT_LIMIT_MS, SWEEPS_WAITED * manifest.sweepMinutes * 60_000);
    const late = open.jobs.filter((job) => waitedMs(job, now) > limitMs && !isNewer(job));
    const [oldest] = late;
    if (!oldest) return undefined;
    const others = late.length > 1 ? `, and ${late.length - 1} more` : '';
    return {
      what: `${shortId(oldest.jobId)} has waited for ${duration(waitedMs(oldest, now))}${others}: ${waitReason(facts, oldest, now)}.`,
      advice:
        'The cause is named above, or in the logs of the worker and the stop function. To sweep now: npx lamplighter resume',
      jobIds: late.map(({ jobId }) => jobId),
    };
  },

  /** One finding a job. */
  'interrupted-often': ({ open }) =>
    (open?.jobs ?? []).flatMap((job) => interruptedOften(job) ?? []).slice(0, NAMED),

  'open-unreadable': ({ open }) =>
    ofJobs(
      openJobsWhere(open, (job) => 'trouble' in job.open && !isNewer(job)),
      (which) => ({
        what: `The open record of ${which} cannot be read.`,
        advice:
          'The next drain deletes it, and the audit admits its upload again. The control bucket keeps the old version, ' +
          'which says who wrote it',
      }),
    ),

  /** Open for an hour, so that a deploy under way is no finding. */
  'open-newer': ({ open }, now) => {
    const old = (open?.jobs ?? []).filter((job) => isNewer(job) && waitedMs(job, now) > NEWER_OPEN_MS);
    const oldestMs = Math.max(...old.map((job) => waitedMs(job, now)));
    return ofJobs(
      old.map(({ jobId }) => jobId),
      (which) => ({
        what:
          `A newer release of Lamplighter admitted ${which}, ${duration(oldestMs)} ago. The release that is deployed now ` +
          'can neither run nor end such a job.',
        advice:
          'Deploy the newer release again: it runs the job. Until then nothing is lost, and no machine waits for it',
      }),
    );
  },

  'open-without-upload': ({ open }) =>
    ofJobs(
      openJobsWhere(open, ({ upload }) => upload === 'deleted'),
      (which) => ({
        what: `The upload of ${which} was deleted after the admission.`,
        advice:
          'If that was intended, do nothing: the job ends in a failed receipt. Otherwise upload the file again',
      }),
    ),

  'claim-without-job': ({ open, manifest }) =>
    ofJobs(open?.claimsWithoutJob ?? [], (which) => ({
      what: `A claim is left of ${which}, although no such job is open.`,
      advice:
        `Harmless: a drain died just before it deleted the claim. To delete it: aws s3 rm ` +
        `s3://${manifest.controlBucket}/claims/<job>.json`,
    })),

  'lost-upload': ({ uploads, manifest }) => {
    const lost = uploads?.lost ?? [];
    if (lost.length === 0) return undefined;
    const named = lost.slice(0, NAMED).map(({ key }) => JSON.stringify(key));
    return {
      what: `No job exists for ${named.join(', ')}${moreThanNamed(lost)}: neither open nor ended. The upload's event was lost, or failed.`,
      advice: `The sweep's audit admits it when it reaches this upload. To admit it now: npx lamplighter audit --admit. For the cause, see /aws/lambda/${manifest.functions.trigger}`,
      jobIds: lost.map(({ jobId }) => jobId),
    };
  },

  /** One finding a job. */
  'job-failed': ({ failed }) =>
    (failed?.jobs ?? []).slice(0, NAMED).map(({ jobId, key, endedAt, why }) => ({
      what: `The job ${shortId(jobId)} (${key}) failed at ${endedAt}: ${why}`,
      advice: `See its receipt, and its log: npx lamplighter logs ${shortId(jobId)}. After a fix: npx lamplighter retry ${shortId(jobId)}, or upload the file again`,
      jobIds: [jobId],
    })),

  'no-walls': ({ failed }) =>
    ofJobs(failed?.withoutWalls ?? [], (which) => ({
      what: `The model ran without walls in ${which}: it could read the role's credentials and other jobs' files`,
      advice:
        'Use an image with systemd, and let the drain run as root: docs/SECURITY.md, "The walls around a model". Until then ' +
        'run only models that you trust',
    })),

  'failed-events': ({ failedEvents: events, manifest }) => {
    if (!events || events.count === 0) return undefined;
    const samples = events.samples.map((sample) => `\n    ${sample}`).join('');
    return {
      what: `${events.count} ${events.count === 1 ? 'event' : 'events'} failed in every attempt:${samples}`,
      advice:
        'The sweep has done their work; nothing is lost. Fix the cause, then empty the queue: aws sqs ' +
        `purge-queue (queue ${manifest.failuresQueue})`,
    };
  },
} as const satisfies Finders;

/** Undefined: the job was not interrupted often, and the machine did not die under it alone. */
function interruptedOften({ jobId, attempts }: OpenJob): FoundTrouble | undefined {
  const ended = recordIn(attempts)?.ended ?? [];
  const last = ended.findLast(({ cause }) => INTERRUPTION_ADVICE[cause] !== undefined);
  const deaths = deathsAloneInARow(ended);
  const inARow = interruptionsInARow(ended);
  if (!last || (inARow < INTERRUPTIONS_REPORTED && deaths === 0)) return undefined;
  const times = inARow === 1 ? 'once' : `${inARow} times in a row`;
  const died = deaths === 0 ? '' : ` ${deathsText(deaths)} while only this job ran, and no part knows why.`;
  return {
    what:
      `The job ${shortId(jobId)} was interrupted ${times}, last by ${CAUSE_NAMES[last.cause]} (${last.why}).${died} ` +
      `In all: ${describeEnded(ended)}.`,
    advice: deaths === 0 ? (INTERRUPTION_ADVICE[last.cause] ?? '') : DEATH_ADVICE,
    jobIds: [jobId],
  };
}

const deathsText = (deaths: number) => `The machine died${deaths === 1 ? '' : ` ${deaths} times in a row`}`;

const DEATH_ADVICE =
  'The model may be the cause: its memory, its driver. Read aws ec2 get-console-output, and try an instanceType with more ' +
  'memory. Three such deaths in a row end the job in a failed receipt';

/** What to do about the causes that count as interruptions in a row. */
const INTERRUPTION_ADVICE: Partial<Record<EndCause, string>> = {
  machine:
    'If EC2 takes spot instances back often, choose another instanceType, or on-demand. If the disk is full, enlarge it. ' +
    'After maxInterruptions in a row (model.json) the job ends in a failed receipt',
  wrapper:
    "Read the drain's log: it says why the drain ended, or why the model's program could not start. After " +
    'maxInterruptions in a row (model.json) the job ends in a failed receipt',
  person:
    'Do not stop the machine by hand while a job runs: npx lamplighter pause lets the job finish. After maxInterruptions ' +
    'in a row (model.json) the job ends in a failed receipt',
};

function openJobsWhere(open: Facts['open'], isSo: (job: OpenJob) => boolean): string[] {
  return (open?.jobs ?? []).filter(isSo).map(({ jobId }) => jobId);
}

/** One finding for all jobs alike. */
function ofJobs(
  jobIds: readonly string[],
  describe: (which: string) => FoundTrouble,
): FoundTrouble | undefined {
  if (jobIds.length === 0) return undefined;
  const named = jobIds.slice(0, NAMED).map(shortId).join(', ');
  const which = `${jobIds.length === 1 ? 'the job' : 'the jobs'} ${named}${moreThanNamed(jobIds)}`;
  return { ...describe(which), jobIds };
}

function moreThanNamed(all: readonly unknown[]): string {
  return all.length > NAMED ? `, and ${all.length - NAMED} more` : '';
}

import { shortId } from '../../lifecycle/job';
import { duration } from '../console/terminal';
import type { Facts, OpenJob } from './facts';
import { type Finders, type FoundTrouble, NAMED } from './finding';
import { isLive, waitReason, waitedMs } from './waiting';

/** Minimum time that a job may wait, for the machine to boot and to be set up. */
const WAIT_LIMIT_MS = 15 * 60_000;

/** Number of sweeps that get the chance to wake the instance for a waiting job. */
const SWEEPS_WAITED = 3;

/** What can be wrong with jobs and uploads. */
export const JOB_FINDERS = {
  /** Not while another job runs, because this one is queued, nor while the pipeline is paused, which is a finding of its own. */
  'job-waits': (facts, now) => {
    const { open, instance, manifest } = facts;
    if (!open || (instance && instance !== 'gone' && instance.pause !== undefined)) return undefined;
    if (open.jobs.some(({ claim }) => isLive(claim, now))) return undefined;
    const limitMs = Math.max(WAIT_LIMIT_MS, SWEEPS_WAITED * manifest.sweepMinutes * 60_000);
    const late = open.jobs.filter((job) => waitedMs(job, now) > limitMs);
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

  'open-unreadable': ({ open }) =>
    ofJobs(
      openJobsWhere(open, (job) => 'trouble' in job.open),
      (which) => ({
        what: `The open record of ${which} cannot be read.`,
        advice:
          'The next drain deletes it, and the audit admits its upload again. The control bucket keeps the old version, ' +
          'which says who wrote it',
      }),
    ),

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
        `Harmless: a drain died just before it deleted the claim. It expires after 30 days. To delete it now: aws s3 rm ` +
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

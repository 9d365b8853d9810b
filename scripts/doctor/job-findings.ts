import { duration } from '../console/terminal';
import type { Facts, OpenJob } from './facts';
import { type FoundTrouble, NAMED, short } from './finding';
import { isLive, waitReason, waitedMs } from './waiting';

/** Minimum time that a job may wait, for the machine to boot and to be set up. */
const WAIT_LIMIT_MS = 15 * 60_000;

/** Number of sweeps that get the chance to wake the instance for a waiting job. */
const SWEEPS_WAITED = 3;

/** Not while another job runs, because this one is queued, nor while the pipeline is paused, which is a finding of its own. */
export function jobWaits(facts: Facts, now: number): FoundTrouble | undefined {
  const { open, instance, manifest } = facts;
  if (!open || (instance && instance !== 'gone' && instance.pause !== undefined)) return undefined;
  if (open.jobs.some(({ claim }) => isLive(claim, now))) return undefined;
  const limitMs = Math.max(WAIT_LIMIT_MS, SWEEPS_WAITED * manifest.sweepMinutes * 60_000);
  const late = open.jobs.filter((job) => waitedMs(job, now) > limitMs);
  const [oldest] = late;
  if (!oldest) return undefined;
  const others = late.length > 1 ? `, and ${late.length - 1} more` : '';
  return {
    what: `${short(oldest.jobId)} has waited for ${duration(waitedMs(oldest, now))}${others}: ${waitReason(facts, oldest, now)}.`,
    advice:
      'What keeps it is named above, or in the logs of the worker and the stop function. To have it looked at now: npx lamplighter resume',
    jobIds: late.map(({ jobId }) => jobId),
  };
}

export function openUnreadable({ open }: Facts): FoundTrouble | undefined {
  return ofJobs(
    openJobsWhere(open, (job) => 'trouble' in job.open),
    (which) => ({
      what: `The open record of ${which} cannot be read.`,
      advice:
        'The next drain throws it out, and the audit admits its upload again; the control bucket keeps the old version, ' +
        'which says who wrote it',
    }),
  );
}

export function openWithoutUpload({ open }: Facts): FoundTrouble | undefined {
  return ofJobs(
    openJobsWhere(open, ({ upload }) => upload === 'deleted'),
    (which) => ({
      what: `The upload of ${which} has been deleted since it was admitted.`,
      advice: 'Nothing, if that was meant: it ends in a failed receipt. Else upload the file again',
    }),
  );
}

export function claimWithoutJob({ open, manifest }: Facts): FoundTrouble | undefined {
  return ofJobs(open?.claimsWithoutJob ?? [], (which) => ({
    what: `A claim is left of ${which}, though it is not open.`,
    advice:
      `Harmless: a drain died at the very end of it. It goes by itself after 30 days; at once: aws s3 rm ` +
      `s3://${manifest.controlBucket}/claims/<job>.json`,
  }));
}

export function lostUpload({ uploads, manifest }: Facts): FoundTrouble | undefined {
  const lost = uploads?.lost ?? [];
  if (lost.length === 0) return undefined;
  const named = lost.slice(0, NAMED).map(({ key }) => JSON.stringify(key));
  return {
    what: `Nobody knows of ${named.join(', ')}${moreThanNamed(lost)}: neither open nor ended. The upload's event was lost, or failed.`,
    advice: `The sweep's audit admits it when its turn comes; at once: npx lamplighter audit --admit. See also /aws/lambda/${manifest.functions.trigger}`,
    jobIds: lost.map(({ jobId }) => jobId),
  };
}

/** One finding a job. */
export function failedJobs({ failed }: Facts): FoundTrouble[] {
  return (failed?.jobs ?? []).slice(0, NAMED).map(({ jobId, key, endedAt, why }) => ({
    what: `The job ${short(jobId)} (${key}) failed at ${endedAt}: ${why}`,
    advice: `Its receipt says more, its log most. Once mended: npx lamplighter retry ${short(jobId)}, or upload the file again`,
    jobIds: [jobId],
  }));
}

export function failedEvents({ failedEvents: events, manifest }: Facts): FoundTrouble | undefined {
  if (!events || events.count === 0) return undefined;
  const samples = events.samples.map((sample) => `\n    ${sample}`).join('');
  return {
    what: `${events.count} ${events.count === 1 ? 'event' : 'events'} could not be handled in any attempt:${samples}`,
    advice:
      'The sweep has done what they should have; nothing is lost. Mend the cause, then empty the queue: aws sqs ' +
      `purge-queue --queue-url of ${manifest.failuresQueue}`,
  };
}

function openJobsWhere(open: Facts['open'], isSo: (job: OpenJob) => boolean): string[] {
  return (open?.jobs ?? []).filter(isSo).map(({ jobId }) => jobId);
}

/** One finding for all jobs alike. */
function ofJobs(
  jobIds: readonly string[],
  describe: (which: string) => FoundTrouble,
): FoundTrouble | undefined {
  if (jobIds.length === 0) return undefined;
  const named = jobIds.slice(0, NAMED).map(short).join(', ');
  const which = `${jobIds.length === 1 ? 'the job' : 'the jobs'} ${named}${moreThanNamed(jobIds)}`;
  return { ...describe(which), jobIds };
}

function moreThanNamed(all: readonly unknown[]): string {
  return all.length > NAMED ? `, and ${all.length - NAMED} more` : '';
}

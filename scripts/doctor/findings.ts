import type { InstanceReading } from '../../lifecycle/instance';
import type { Gate } from '../../lifecycle/records';
import { duration } from '../console/terminal';
import type { Facts } from './facts';
import { isLive, waitReason, waitedMs } from './waiting';

/** Each has its chapter in docs/OPERATIONS.md, of the same name. */
export const FINDING_NAMES = [
  'no-instance',
  'breaker-tripped',
  'paused',
  'held',
  'gate-unreadable',
  'gate-stuck',
  'agent-silent',
  'drain-failed',
  'breaker-counting',
  'sweep-missed',
  'on-with-nothing-open',
  'job-waits',
  'open-unreadable',
  'open-without-upload',
  'claim-without-job',
  'lost-upload',
  'job-failed',
  'failed-events',
  'models-differ',
  'plan-differs',
] as const;

export type FindingName = (typeof FINDING_NAMES)[number];

/** Something that is not as it should be. */
export interface Finding {
  readonly name: FindingName;
  readonly what: string;
  /** What to do about it. */
  readonly advice: string;
  /** The jobs that it is about. */
  readonly jobIds?: readonly string[];
}

/** lifecycle/settle.ts takes a CLOSING over when it is older than the stop function's time limit and this. */
const CLOSING_MARGIN_SECONDS = 30;

/** An agent registers within a minute or two of the launch; its worker gives up after five. */
const AGENT_LIMIT_MS = 5 * 60_000;

/** A job may wait so long for a machine to boot, to be set up, and for a first sweep to look after it. */
const WAIT_LIMIT_MS = 15 * 60_000;

/** Of many alike, so many are named. */
const NAMED = 5;

const short = (jobId: string) => jobId.slice(0, 12);

/** What is not as it should be, the gravest first. `now` in milliseconds since the epoch. */
export function findings(facts: Facts, now: number): Finding[] {
  return [
    ...ofInstance(facts, now),
    ...ofGate(facts, now),
    ...ofDrains(facts, now),
    ...ofSweep(facts, now),
    ...ofLedger(facts, now),
    ...ofEnds(facts),
    ...ofVersions(facts),
  ];
}

function ofInstance(facts: Facts, now: number): Finding[] {
  const { instance, manifest } = facts;
  if (instance === undefined) return [];
  if (instance === 'gone') {
    const what = `The instance ${manifest.instanceId} has been terminated, or there never was one: nothing can run.`;
    return [
      {
        name: 'no-instance',
        what,
        advice: 'Deploy again: npx cdktf deploy. Open jobs are kept and then run.',
      },
    ];
  }
  return [
    ...(instance.pause === undefined ? [] : [ofPause(instance.pause, facts)]),
    ...(instance.hold === undefined ? [] : [ofHold(instance.hold, instance)]),
    ...ofIdleness(facts, instance, now),
    ...ofAgent(facts, instance, now),
  ];
}

/** The breaker writes its own name into the tag. */
function ofPause(pause: string, { open }: Facts): Finding {
  const waiting = open === undefined ? '' : ` ${open.count} ${open.count === 1 ? 'job waits' : 'jobs wait'}.`;
  if (pause.startsWith('breaker')) {
    return {
      name: 'breaker-tripped',
      what: `The breaker has stopped and paused the pipeline (${pause}).${waiting}`,
      advice:
        'Find out why the machine does not work (npx lamplighter doctor names the last drain; its log says more), mend ' +
        'it, then: npx lamplighter resume',
    };
  }
  return {
    name: 'paused',
    what: `The pipeline is paused: ${pause}.${waiting}`,
    advice: 'If that is not meant any more: npx lamplighter resume',
  };
}

function ofHold(hold: string, { state }: InstanceReading): Finding {
  const what = `The instance is held (${hold}): once on it is not stopped, and is paid for. It is ${state}.`;
  return { name: 'held', what, advice: 'If that is not meant any more: npx lamplighter release' };
}

/** A hold explains it, and is a finding itself. */
function ofIdleness({ open, trace, manifest }: Facts, instance: InstanceReading, now: number): Finding[] {
  if (instance.state !== 'running' || instance.hold !== undefined || open?.count !== 0) return [];
  const worked = trace === undefined || trace === 'none' ? 0 : Date.parse(trace.at);
  const idleMs = now - Math.max(worked, instance.launchTime.getTime());
  const { sweepMinutes, stopTimeLimitSeconds, lingerSeconds } = manifest;
  const limitMs = (sweepMinutes * 60 + stopTimeLimitSeconds + CLOSING_MARGIN_SECONDS + lingerSeconds) * 1000;
  if (idleMs <= limitMs) return [];
  return [
    {
      name: 'on-with-nothing-open',
      what: `The instance has been on for ${duration(idleMs)} with nothing open.`,
      advice:
        `See why the sweep does not stop it: the log /aws/lambda/${manifest.functions.stop}. To stop it now: ` +
        'npx lamplighter release (it settles, held or not)',
    },
  ];
}

function ofAgent({ agent, manifest }: Facts, { state, launchTime }: InstanceReading, now: number): Finding[] {
  if (agent === undefined || state !== 'running' || now - launchTime.getTime() <= AGENT_LIMIT_MS) return [];
  const lastPing = agent === 'never' ? undefined : agent.lastPing;
  if (agent !== 'never' && agent.pingStatus === 'Online' && lastPing && lastPing > launchTime) return [];
  const heard = lastPing ? `last heard ${lastPing.toISOString()}` : 'never heard of';
  return [
    {
      name: 'agent-silent',
      what: `The instance has been on for ${duration(now - launchTime.getTime())}, but its SSM agent is silent (${heard}).`,
      advice:
        "Look at the instance's system log (aws ec2 get-console-output), its way out (subnet, route, security group) " +
        `and its profile ${manifest.pipeline}-instance. Stopping it is safe; the next sweep starts it again if jobs are open`,
    },
  ];
}

function ofGate({ gate, manifest }: Facts, now: number): Finding[] {
  if (gate?.trouble !== undefined) {
    const advice =
      'It counts as CLOSED and is written anew with the next start or stop; the bucket keeps the old version.';
    return [{ name: 'gate-unreadable', what: `The gate cannot be read: ${gate.trouble}`, advice }];
  }
  if (gate?.gate?.state !== 'CLOSING') return [];
  const ageMs = now - Date.parse(gate.gate.since);
  const limitMs = (manifest.stopTimeLimitSeconds + CLOSING_MARGIN_SECONDS) * 1000;
  if (ageMs <= limitMs) return [];
  return [
    {
      name: 'gate-stuck',
      what: `The gate has been CLOSING for ${duration(ageMs)}: whoever closed it (${gate.gate.by}) has died at it. No job begins.`,
      advice:
        `The next sweep, every ${manifest.sweepMinutes} minutes, takes it over; npx lamplighter resume sweeps at once. If it ` +
        `comes back, the log /aws/lambda/${manifest.functions.stop} says why the stop function dies`,
    },
  ];
}

function ofDrains(facts: Facts, now: number): Finding[] {
  const { lastDrain, trace, open, manifest } = facts;
  const found: Finding[] = [];
  if (lastDrain !== undefined && lastDrain !== 'none' && FAILED.has(lastDrain.status)) {
    const worked = trace !== undefined && trace !== 'none' ? Date.parse(trace.at) : 0;
    // One that has worked may well have been ended with its machine, by the stop after the last receipt.
    if (worked < (lastDrain.requestedAt?.getTime() ?? now)) {
      found.push({
        name: 'drain-failed',
        what: `The last drain (command ${lastDrain.commandId}) ended ${lastDrain.status} without having begun a job.`,
        advice: `Its output is in the log group ${manifest.drainLogGroup}, streams ${lastDrain.commandId}/…: the step bringUp or drain says why`,
      });
    }
  }
  const fruitless = fruitlessIn(facts.gate?.gate);
  if (fruitless > 0 && (open?.count ?? 0) > 0) {
    found.push({
      name: 'breaker-counting',
      what: `${fruitless} wake-ups in a row have ended without a trace of work; at ${manifest.breakerWakeUps} the breaker pauses the pipeline.`,
      advice: `See why: the log group ${manifest.drainLogGroup}, and the finding on the agent or the last drain, if there is one`,
    });
  }
  return found;
}

const FAILED = new Set(['Failed', 'TimedOut', 'Cancelled', 'Undeliverable', 'Terminated', 'Incomplete']);

const fruitlessIn = (gate: Gate | undefined) => gate?.fruitless ?? 0;

/** A pipeline that is just deployed has had none yet. */
function ofSweep({ lastSweep, instance, manifest }: Facts, now: number): Finding[] {
  if (lastSweep === undefined || instance === undefined || instance === 'gone') return [];
  const since = lastSweep === 'never' ? instance.launchTime : lastSweep;
  const missedMs = now - since.getTime();
  if (missedMs <= 3 * manifest.sweepMinutes * 60_000) return [];
  return [
    {
      name: 'sweep-missed',
      what: `No sweep has come to its end for ${duration(missedMs)}, though there is one every ${manifest.sweepMinutes} minutes.`,
      advice: `Is the rule ${manifest.pipeline}-sweep enabled? Does the stop function fail: /aws/lambda/${manifest.functions.stop}?`,
    },
  ];
}

function ofLedger(facts: Facts, now: number): Finding[] {
  const { open, manifest } = facts;
  if (!open) return [];
  const unreadable = open.jobs.filter(({ open: record }) => 'trouble' in record);
  const withoutUpload = open.jobs.filter(({ upload }) => upload === 'deleted');
  return [
    ...ofWaiting(facts, now),
    ...many(
      unreadable.map(({ jobId }) => jobId),
      (which) => ({
        name: 'open-unreadable',
        what: `The open record of ${which} cannot be read.`,
        advice:
          'The next drain throws it out, and the audit admits its upload again; the control bucket keeps the old version, ' +
          'which says who wrote it',
      }),
    ),
    ...many(
      withoutUpload.map(({ jobId }) => jobId),
      (which) => ({
        name: 'open-without-upload',
        what: `The upload of ${which} has been deleted since it was admitted.`,
        advice: 'Nothing, if that was meant: it ends in a failed receipt. Else upload the file again',
      }),
    ),
    ...many(open.claimsWithoutJob, (which) => ({
      name: 'claim-without-job',
      what: `A claim is left of ${which}, though it is not open.`,
      advice:
        `Harmless: a drain died at the very end of it. It goes by itself after 30 days; at once: aws s3 rm ` +
        `s3://${manifest.controlBucket}/claims/<job>.json`,
    })),
  ];
}

/** While others run its turn has not come, and a pause is a finding itself. */
function ofWaiting(facts: Facts, now: number): Finding[] {
  const { open, instance, manifest } = facts;
  if (!open || (instance && instance !== 'gone' && instance.pause !== undefined)) return [];
  if (open.jobs.some(({ claim }) => isLive(claim, now))) return [];
  const limitMs = Math.max(WAIT_LIMIT_MS, 3 * manifest.sweepMinutes * 60_000);
  const late = open.jobs.filter((job) => waitedMs(job, now) > limitMs);
  const [oldest] = late;
  if (!oldest) return [];
  const others = late.length > 1 ? `, and ${late.length - 1} more` : '';
  return [
    {
      name: 'job-waits',
      what: `${short(oldest.jobId)} has waited for ${duration(waitedMs(oldest, now))}${others}: ${waitReason(facts, oldest, now)}.`,
      advice:
        'What keeps it is named above, or in the logs of the worker and the stop function. To have it looked at now: npx lamplighter resume',
      jobIds: late.map(({ jobId }) => jobId),
    },
  ];
}

function ofEnds({ uploads, failed, failedEvents, manifest }: Facts): Finding[] {
  const found: Finding[] = [];
  if (uploads && uploads.lost.length > 0) {
    const named = uploads.lost.slice(0, NAMED).map(({ key }) => JSON.stringify(key));
    const more = uploads.lost.length > NAMED ? `, and ${uploads.lost.length - NAMED} more` : '';
    found.push({
      name: 'lost-upload',
      what: `Nobody knows of ${named.join(', ')}${more}: neither open nor ended. The upload's event was lost, or failed.`,
      advice: `The sweep's audit admits it when its turn comes; at once: npx lamplighter audit --admit. See also /aws/lambda/${manifest.functions.trigger}`,
      jobIds: uploads.lost.map(({ jobId }) => jobId),
    });
  }
  for (const { jobId, key, endedAt, why } of failed?.jobs.slice(0, NAMED) ?? []) {
    found.push({
      name: 'job-failed',
      what: `The job ${short(jobId)} (${key}) failed at ${endedAt}: ${why}`,
      advice: `Its receipt says more, its log most. Once mended: npx lamplighter retry ${short(jobId)}, or upload the file again`,
      jobIds: [jobId],
    });
  }
  if (failedEvents && failedEvents.count > 0) {
    const samples = failedEvents.samples.map((sample) => `\n    ${sample}`).join('');
    found.push({
      name: 'failed-events',
      what: `${failedEvents.count} ${failedEvents.count === 1 ? 'event' : 'events'} could not be handled in any attempt:${samples}`,
      advice:
        'The sweep has done what they should have; nothing is lost. Mend the cause, then empty the queue: aws sqs ' +
        `purge-queue --queue-url of ${manifest.failuresQueue}`,
    });
  }
  return found;
}

function ofVersions({ models, plan }: Facts): Finding[] {
  const found: Finding[] = [];
  const differing =
    models === undefined || models === 'unknown' ? [] : models.filter(({ is }) => is !== 'same');
  if (differing.length > 0) {
    found.push({
      name: 'models-differ',
      what: `This checkout and what is deployed differ: ${differing.map(({ name, is }) => `model ${name}: ${is}`).join('; ')}.`,
      advice: 'Deploy what you have (npx cdktf deploy), or check out what is deployed',
    });
  }
  if (plan?.differs === true) {
    const advice =
      'Somebody has changed it by hand, or this checkout is not what is deployed. npx cdktf diff shows all of it';
    found.push({ name: 'plan-differs', what: `Terraform would change something: ${plan.text}`, advice });
  }
  return found;
}

/** One finding for all jobs alike. */
function many(jobIds: readonly string[], found: (which: string) => Finding): Finding[] {
  if (jobIds.length === 0) return [];
  const named = jobIds.slice(0, NAMED).map(short).join(', ');
  const more = jobIds.length > NAMED ? `, and ${jobIds.length - NAMED} more` : '';
  return [{ ...found(`${jobIds.length === 1 ? 'the job' : 'the jobs'} ${named}${more}`), jobIds }];
}

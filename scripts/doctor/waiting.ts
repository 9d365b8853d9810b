import { isLive } from '../pipeline/readings/records';
import { shortageText } from '../pipeline/readings/shortage';
import type { Facts, OpenJob } from './facts';

/** Whether a newer release admitted the job. The deployed release can neither run nor end such a job. */
export function isNewer({ open }: OpenJob): boolean {
  return 'trouble' in open && open.isNewer === true;
}

/** How long the job has been open, in milliseconds. */
export function waitedMs({ openSince }: OpenJob, now: number): number {
  return openSince ? now - openSince.getTime() : 0;
}

type WaitFacts = Pick<Facts, 'instance' | 'shortage' | 'gate' | 'agent' | 'open' | 'lastDrain'>;

/** Why an open job does not run, or that it runs. Without a full stop. */
export function waitReason(facts: WaitFacts, job: OpenJob, now: number): string {
  const { instance, open } = facts;
  if (isLive(job.claim, now)) return `${attemptOf(job)} runs`;
  if (isNewer(job)) return 'a newer release admitted it; deploy that release again';
  if (instance === 'gone') return 'there is no instance to run it';
  if (instance === undefined) return 'the instance could not be read';
  if (instance.pause !== undefined) return 'the pipeline is paused';
  if (facts.shortage && instance.state !== 'running') {
    return `${shortageText(facts.shortage, now)}; the sweep tries again`;
  }
  switch (instance.state) {
    case 'stopped':
      return 'the instance is off: it has not been started yet, or EC2 has refused the start (see the log of the stop function)';
    case 'stopping':
      return 'the instance is still stopping, and starts again afterwards';
    case 'pending':
      return 'the instance is starting';
    default:
  }
  const running = open?.jobs.filter(({ claim }) => isLive(claim, now)).length ?? 0;
  if (running > 0) return `it is queued: ${running === 1 ? 'another job runs' : `${running} other jobs run`}`;
  return reasonOnMachine(facts, job);
}

/** Why a job does not run although the machine is on and runs no other job. */
function reasonOnMachine({ instance, gate, agent, lastDrain }: WaitFacts, { claim, open }: OpenJob): string {
  const state = gate?.gate?.state ?? 'CLOSED';
  const launched = instance && instance !== 'gone' ? instance.launchTime : new Date(0);
  if (agent === 'never' || (agent && (!agent.lastPing || agent.lastPing <= launched))) {
    return 'the SSM agent has not reported since the launch';
  }
  if (state !== 'OPEN') return `the gate is ${state}`;
  if ('trouble' in open) return 'its record cannot be read; the next drain deletes it';
  if (claim && 'record' in claim) {
    const { released, attempt } = claim.record;
    return released === undefined
      ? `the drain of attempt ${attempt} has died; the next one takes over`
      : `attempt ${attempt} ended without a receipt (${released}); the next attempt is due`;
  }
  const isUnderWay =
    lastDrain !== undefined && lastDrain !== 'none' && /^(Pending|InProgress)$/.test(lastDrain.status);
  return isUnderWay ? 'a drain is about to begin it' : 'no drain is running; the worker must send one';
}

function attemptOf({ claim }: OpenJob): string {
  return claim && 'record' in claim ? `attempt ${claim.record.attempt}` : 'an attempt';
}

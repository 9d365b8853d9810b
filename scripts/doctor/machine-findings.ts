import { FAILED_COMMAND_STATUSES } from '../../lifecycle/command-status';
import type { InstanceReading } from '../../lifecycle/instance';
import { CLOSING_MARGIN_SECONDS } from '../../lifecycle/gate';
import { duration } from '../console/terminal';
import { shortageAdvice, shortageText } from '../pipeline/readings/shortage';
import type { Facts } from './facts';
import type { Finders } from './finding';

/** Time that an agent gets to register after the launch. Most register within two minutes; the worker gives up after five. */
const AGENT_LIMIT_MS = 5 * 60_000;

/** Number of sweeps in a row that may fail without a finding. */
const SWEEPS_MISSED = 3;

/** What can be wrong with the instance, its gate and its sweep. */
export const MACHINE_FINDERS = {
  'no-instance': ({ instance, manifest }) => {
    if (instance !== 'gone') return undefined;
    return {
      what: `The instance ${manifest.instanceId} does not exist (any more): no job can run.`,
      advice: 'Deploy again: npx cdktf deploy. Open jobs are kept, and run afterwards.',
    };
  },

  /** The breaker's pause: the breaker writes its own name into the tag. */
  'breaker-tripped': (facts) => {
    const pause = instanceIn(facts)?.pause;
    if (pause?.startsWith('breaker') !== true) return undefined;
    return {
      what: `The breaker has stopped the instance and paused the pipeline (${pause}).${waitingText(facts)}`,
      advice:
        'Find out why the machine does no work: npx lamplighter doctor names the last drain, and the log of that drain says ' +
        'more. Fix the cause, then: npx lamplighter resume',
    };
  },

  /** A person's pause. */
  paused: (facts) => {
    const pause = instanceIn(facts)?.pause;
    if (pause === undefined || pause.startsWith('breaker')) return undefined;
    return {
      what: `The pipeline is paused: ${pause}.${waitingText(facts)}`,
      advice: 'To end the pause: npx lamplighter resume',
    };
  },

  /** EC2 answers a start with a shortage, or undoes it. */
  'no-capacity': (facts, now) => {
    const { shortage } = facts;
    if (!shortage || instanceIn(facts)?.state === 'running') return undefined;
    return { what: `${shortageText(shortage, now)}.${waitingText(facts)}`, advice: shortageAdvice(shortage) };
  },

  held: (facts) => {
    const instance = instanceIn(facts);
    if (instance?.hold === undefined) return undefined;
    return {
      what: `The instance is held (${instance.hold}): once it is on, it stays on and costs money. It is ${instance.state}.`,
      advice: 'To end the hold: npx lamplighter release',
    };
  },

  /** Not for a held instance: the hold is a finding of its own. */
  'on-with-nothing-open': (facts, now) => {
    const { open, trace, manifest } = facts;
    const instance = instanceIn(facts);
    if (instance?.state !== 'running' || instance.hold !== undefined || open?.count !== 0) return undefined;
    const workedMs = trace === undefined || trace === 'none' ? 0 : Date.parse(trace.at);
    const idleMs = now - Math.max(workedMs, instance.launchTime.getTime());
    const { sweepMinutes, stopTimeLimitSeconds, lingerSeconds } = manifest;
    const limitMs =
      (sweepMinutes * 60 + stopTimeLimitSeconds + CLOSING_MARGIN_SECONDS + lingerSeconds) * 1000;
    if (idleMs <= limitMs) return undefined;
    return {
      what: `The instance has been on for ${duration(idleMs)} with no job open.`,
      advice:
        `The log /aws/lambda/${manifest.functions.stop} says why the sweep does not stop it. To stop it now: ` +
        'npx lamplighter release (it sweeps, held or not)',
    };
  },

  'agent-silent': (facts, now) => {
    const { agent, manifest } = facts;
    const instance = instanceIn(facts);
    if (agent === undefined || instance?.state !== 'running') return undefined;
    const onMs = now - instance.launchTime.getTime();
    if (onMs <= AGENT_LIMIT_MS) return undefined;
    const lastPing = agent === 'never' ? undefined : agent.lastPing;
    const isOnline = agent !== 'never' && agent.pingStatus === 'Online';
    if (isOnline && lastPing && lastPing > instance.launchTime) return undefined;
    const heard = lastPing ? `last report ${lastPing.toISOString()}` : 'no report yet';
    return {
      what: `The instance has been on for ${duration(onMs)}, but its SSM agent is silent (${heard}).`,
      advice:
        "Check the instance's system log (aws ec2 get-console-output), its way to the internet (subnet, route, security " +
        `group) and its profile ${manifest.pipeline}-instance. Stopping it is safe: the next sweep starts it again if jobs are open`,
    };
  },

  'gate-unreadable': ({ gate }) => {
    if (gate?.trouble === undefined) return undefined;
    return {
      what: `The gate cannot be read: ${gate.trouble}`,
      advice: gate.isNewer
        ? 'Deploy the newer release again. Until then the functions neither start nor stop the instance.'
        : 'It counts as CLOSED, and the next start or stop writes it again. The bucket keeps the old version.',
    };
  },

  'gate-stuck': ({ gate, manifest }, now) => {
    if (gate?.gate?.state !== 'CLOSING') return undefined;
    const ageMs = now - Date.parse(gate.gate.since);
    if (ageMs <= (manifest.stopTimeLimitSeconds + CLOSING_MARGIN_SECONDS) * 1000) return undefined;
    return {
      what: `The gate has been CLOSING for ${duration(ageMs)}: the function that closed it (${gate.gate.by}) has died. No job can begin.`,
      advice:
        `The next sweep, within ${manifest.sweepMinutes} minutes, takes it over; npx lamplighter resume sweeps now. If it ` +
        `happens again, the log /aws/lambda/${manifest.functions.stop} says why the stop function dies`,
    };
  },

  /** Not for a drain that did work: the stop after the last receipt may have ended it with its machine. */
  'drain-failed': ({ lastDrain, trace, manifest }, now) => {
    if (!lastDrain || lastDrain === 'none' || !FAILED_COMMAND_STATUSES.includes(lastDrain.status))
      return undefined;
    const workedMs = trace !== undefined && trace !== 'none' ? Date.parse(trace.at) : 0;
    if (workedMs >= (lastDrain.requestedAt?.getTime() ?? now)) return undefined;
    const { commandId, status } = lastDrain;
    return {
      what: `The last drain (command ${commandId}) ended ${status} before it had begun a job.`,
      advice: `Its output is in the log group ${manifest.drainLogGroup}, streams ${commandId}/…: the step bringUp or drain says why`,
    };
  },

  /** With nothing open the count is over. */
  'breaker-counting': ({ gate, open, manifest }) => {
    const fruitless = gate?.gate?.fruitless ?? 0;
    if (fruitless === 0 || (open?.count ?? 0) === 0) return undefined;
    return {
      what: `${fruitless} ${fruitless === 1 ? 'wake-up' : 'wake-ups'} in a row did no work; at ${manifest.breakerWakeUps} the breaker pauses the pipeline.`,
      advice: `For the cause, see the log group ${manifest.drainLogGroup}, and the finding about the agent or the last drain, if there is one`,
    };
  },

  /** Before the first sweep the launch counts: a pipeline that has just been deployed has had no sweep. */
  'sweep-missed': (facts, now) => {
    const { lastSweep, manifest } = facts;
    const instance = instanceIn(facts);
    if (lastSweep === undefined || instance === undefined) return undefined;
    const since = lastSweep === 'never' ? instance.launchTime : lastSweep;
    const missedMs = now - since.getTime();
    if (missedMs <= SWEEPS_MISSED * manifest.sweepMinutes * 60_000) return undefined;
    return {
      what: `No sweep has finished for ${duration(missedMs)}, although one starts every ${manifest.sweepMinutes} minutes.`,
      advice: `Check that the rule ${manifest.pipeline}-sweep is enabled, and that the stop function does not fail: /aws/lambda/${manifest.functions.stop}`,
    };
  },
} as const satisfies Finders;

function waitingText({ open }: Facts): string {
  return open === undefined ? '' : ` ${open.count} ${open.count === 1 ? 'job waits' : 'jobs wait'}.`;
}

function instanceIn({ instance }: Facts): InstanceReading | undefined {
  return instance === 'gone' ? undefined : instance;
}

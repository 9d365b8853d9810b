import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  type EC2Client,
} from '@aws-sdk/client-ec2';
import { LamplighterError, awsCodeOf, messageOf } from './errors';
import type { Log } from './log';

/** EC2's words for the life of an instance. */
export type InstanceState = 'pending' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated';

export type Phase = 'starting' | 'working' | 'stopping' | 'stopped';

export const PHASE_TAG = 'lamplighter:phase';
export const HOLD_TAG = 'lamplighter:hold';
export const PAUSE_TAG = 'lamplighter:pause';

/** What EC2 says of the instance. Eventually consistent: it may be some seconds old. */
export interface InstanceReading {
  readonly state: InstanceState;
  readonly launchTime: Date;
  /** People's order not to stop it: the tag's value, or undefined. */
  readonly hold: string | undefined;
  /** People's (or the breaker's) order not to start it. */
  readonly pause: string | undefined;
  readonly phase: string | undefined;
  /** When it was last told to stop, where EC2 says so. */
  readonly stopAskedAt?: Date | undefined;
}

/** What EC2 said to a start. */
export type StartOutcome =
  | { readonly refused: true }
  /** `was`: the state that the call met; undefined: it met `pending`, and an earlier try of it may be the reason. */
  | { readonly refused: false; readonly was: InstanceState | undefined };

/** The pipeline's one instance. */
export class Instance {
  private seen: InstanceReading[] = [];

  constructor(
    private readonly ec2: EC2Client,
    readonly id: string,
  ) {}

  /** What is read of it from now on, for whoever would like to know without a call of its own. */
  watch(): readonly InstanceReading[] {
    this.seen = [];
    return this.seen;
  }

  /** Throws LamplighterError when there is no such instance any more. */
  async read(): Promise<InstanceReading> {
    const answer = await this.ec2.send(new DescribeInstancesCommand({ InstanceIds: [this.id] }));
    const found = answer.Reservations?.[0]?.Instances?.[0];
    if (!found || found.State?.Name === 'terminated' || found.State?.Name === 'shutting-down') {
      throw new LamplighterError(
        `instance ${this.id} has been terminated; run \`cdktf deploy\` to make a new one`,
      );
    }
    const tag = (key: string) => found.Tags?.find((candidate) => candidate.Key === key)?.Value;
    const reading: InstanceReading = {
      state: found.State?.Name ?? 'stopped',
      launchTime: found.LaunchTime ?? new Date(0),
      hold: tag(HOLD_TAG),
      pause: tag(PAUSE_TAG),
      phase: tag(PHASE_TAG),
      stopAskedAt: timeIn(found.StateTransitionReason),
    };
    this.seen.push(reading);
    return reading;
  }

  /**
   * Starts it; a no-op if it runs. `refused`: EC2 does not take the call in the instance's present state: it is stopping, and
   * the `stopped` event settles; or it is a spot instance that EC2 has taken away, and the `running` event settles.
   */
  async start(): Promise<StartOutcome> {
    try {
      const start = new StartInstancesCommand({ InstanceIds: [this.id] });
      const { StartingInstances, $metadata } = await this.ec2.send(start);
      const was = StartingInstances?.[0]?.PreviousState?.Name;
      // The SDK repeats a call whose answer was lost.
      const mayBeOurs = was === 'pending' && ($metadata.attempts ?? 1) > 1;
      return { refused: false, was: mayBeOurs ? undefined : was };
    } catch (error) {
      if (isRefusal(error)) return { refused: true };
      throw error;
    }
  }

  /** Stops it; a no-op if it is stopped. `refused`: EC2 certainly did not take the call (first launch, still pending). */
  async stop(): Promise<{ readonly refused: boolean }> {
    try {
      await this.ec2.send(new StopInstancesCommand({ InstanceIds: [this.id] }));
      return { refused: false };
    } catch (error) {
      if (isRefusal(error)) return { refused: true };
      throw error;
    }
  }

  /** Orders that it be not started. */
  async pause(why: string): Promise<void> {
    await this.tag(PAUSE_TAG, why);
  }

  /** For people; nothing is decided by it, so a failure is only logged. */
  async showPhase(phase: Phase, log: Log): Promise<void> {
    try {
      await this.tag(PHASE_TAG, phase);
    } catch (error) {
      log.warn('phase tag not set', { phase, error: messageOf(error) });
    }
  }

  private async tag(key: string, value: string): Promise<void> {
    await this.ec2.send(
      new CreateTagsCommand({
        Resources: [this.id],
        Tags: [{ Key: key, Value: value.slice(0, MAX_TAG_CHARACTERS) }],
      }),
    );
  }
}

/** Codes that say: not in this state. The second is a spot instance's that was interrupted: only EC2 can start it again. */
function isRefusal(error: unknown): boolean {
  const code = awsCodeOf(error);
  return code === 'IncorrectInstanceState' || code === 'IncorrectSpotRequestState';
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html */
const MAX_TAG_CHARACTERS = 256;

/** `User initiated (2026-11-22 12:30:32 GMT)`. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html */
function timeIn(stateTransitionReason: string | undefined): Date | undefined {
  const [, day, time] =
    /\((\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) (?:GMT|UTC)\)/.exec(stateTransitionReason ?? '') ?? [];
  return day === undefined || time === undefined ? undefined : new Date(`${day}T${time}Z`);
}

import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  type EC2Client,
  type StateReason,
} from '@aws-sdk/client-ec2';
import { LamplighterError, awsCodeOf, messageOf } from './errors';
import type { Log } from './log';
import { shortageIn, type ShortageReason } from './shortage';

/** EC2's names of the states of an instance. */
export type InstanceState = 'pending' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated';

export type Phase = 'starting' | 'working' | 'stopping' | 'stopped';

export const PHASE_TAG = 'lamplighter:phase';
export const HOLD_TAG = 'lamplighter:hold';
export const PAUSE_TAG = 'lamplighter:pause';

/** The instance as EC2 describes it. Eventually consistent: a reading may be some seconds old. */
export interface InstanceReading {
  readonly state: InstanceState;
  readonly launchTime: Date;
  /** The value of the tag with which people order that the instance stays on, or undefined. */
  readonly hold: string | undefined;
  /** The value of the tag with which people or the breaker order that the instance stays off, or undefined. */
  readonly pause: string | undefined;
  readonly phase: string | undefined;
  /** The time of the last StopInstances call, if EC2 reports it. */
  readonly stopRequestedAt?: Date | undefined;
  /** Why the instance stopped, if EC2 says so. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html */
  readonly stateReason?: { readonly code: string; readonly message: string } | undefined;
}

/** EC2's answer to a StartInstances call. */
export type StartOutcome =
  /** EC2 rejects the call in the instance's current state. */
  | { readonly refused: 'state' }
  /** AWS has no capacity, the account is at a limit, or EC2 throttles its calls. */
  | { readonly refused: 'shortage'; readonly shortage: ShortageReason }
  /** `was`: the state that the call found. Undefined: an earlier try of the same call may have made it `pending`. */
  | { readonly refused: false; readonly was: InstanceState | undefined };

/** The pipeline's one instance. */
export class Instance {
  private readings: InstanceReading[] = [];

  constructor(
    private readonly ec2: EC2Client,
    readonly id: string,
    /** `showsPhase`: whether a tag shows the phase. @default true */
    private readonly options: { readonly showsPhase?: boolean } = {},
  ) {}

  /** Returns a list that receives every later reading, so that its reader needs no call of its own. */
  recordReadings(): readonly InstanceReading[] {
    this.readings = [];
    return this.readings;
  }

  /** Throws LamplighterError if the instance has been terminated. */
  async read(): Promise<InstanceReading> {
    const answer = await this.ec2.send(new DescribeInstancesCommand({ InstanceIds: [this.id] }));
    const found = answer.Reservations?.[0]?.Instances?.[0];
    if (!found || found.State?.Name === 'terminated' || found.State?.Name === 'shutting-down') {
      throw new LamplighterError(
        `instance ${this.id} has been terminated; run \`cdktf deploy\` to create a new one`,
      );
    }
    const tag = (key: string) => found.Tags?.find((candidate) => candidate.Key === key)?.Value;
    const reading: InstanceReading = {
      state: found.State?.Name ?? 'stopped',
      launchTime: found.LaunchTime ?? new Date(0),
      hold: tag(HOLD_TAG),
      pause: tag(PAUSE_TAG),
      phase: tag(PHASE_TAG),
      stopRequestedAt: timeIn(found.StateTransitionReason),
      stateReason: reasonIn(found.StateReason),
    };
    this.readings.push(reading);
    return reading;
  }

  /**
   * Starts the instance. No effect if it is running. If EC2 rejects the call because the instance is stopping, its `stopped`
   * event settles later. If EC2 interrupted a spot instance, its `running` event does.
   */
  async start(): Promise<StartOutcome> {
    try {
      const start = new StartInstancesCommand({ InstanceIds: [this.id] });
      const { StartingInstances, $metadata } = await this.ec2.send(start);
      const was = StartingInstances?.[0]?.PreviousState?.Name;
      // W7: the SDK retries a call whose answer was lost. The first try may have made the instance `pending`.
      const mayBeOurs = was === 'pending' && ($metadata.attempts ?? 1) > 1;
      return { refused: false, was: mayBeOurs ? undefined : was };
    } catch (error) {
      if (isRefusal(error)) return { refused: 'state' };
      const shortage = shortageIn(error);
      if (shortage) return { refused: 'shortage', shortage };
      throw error;
    }
  }

  /** Stops the instance. No effect if it is stopped. `refused`: EC2 certainly rejected the call, such as while `pending`. */
  async stop(): Promise<{ readonly refused: boolean }> {
    try {
      await this.ec2.send(new StopInstancesCommand({ InstanceIds: [this.id] }));
      return { refused: false };
    } catch (error) {
      if (isRefusal(error)) return { refused: true };
      throw error;
    }
  }

  /** Sets the tag that keeps the instance from starting. */
  async pause(why: string): Promise<void> {
    await this.tag(PAUSE_TAG, why);
  }

  /** Shows the phase to people. No rule reads it, so a failure is only logged. */
  async showPhase(phase: Phase, log: Log): Promise<void> {
    if (this.options.showsPhase === false) return;
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

function reasonIn({ Code, Message }: StateReason = {}): InstanceReading['stateReason'] {
  return Code === undefined || Code === '' ? undefined : { code: Code, message: Message ?? Code };
}

/** Whether EC2 rejected the call because of the instance's state. Only EC2 can restart an interrupted spot instance. */
function isRefusal(error: unknown): boolean {
  const code = awsCodeOf(error);
  return code === 'IncorrectInstanceState' || code === 'IncorrectSpotRequestState';
}

/** Maximum characters in a tag's value. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html */
const MAX_TAG_CHARACTERS = 256;

/**
 * The time in, for example, `User initiated (2026-11-22 12:30:32 GMT)`.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html
 */
function timeIn(stateTransitionReason: string | undefined): Date | undefined {
  const [, day, time] =
    /\((\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) (?:GMT|UTC)\)/.exec(stateTransitionReason ?? '') ?? [];
  return day === undefined || time === undefined ? undefined : new Date(`${day}T${time}Z`);
}

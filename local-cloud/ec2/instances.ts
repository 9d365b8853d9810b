import { LamplighterError } from '../../lifecycle/errors';
import type { InstanceState, StateReason } from './xml';
import { instanceArn } from '../wire/arn';
import type { Publish, Report } from '../clockwork/events';
import type { Timers } from '../clockwork/timers';
import type { Timings } from '../clockwork/timings';
import type { OwnEnd, SpotNotice } from '../machine/port';

/** The request of a spot instance. EC2 may interrupt the instance, and start it again. */
export interface SpotRequest {
  readonly id: string;
  readonly interruptionBehavior: string;
  readonly type: string;
  isCancelled: boolean;
  /** EC2 has stopped the instance, and only EC2 can start it. */
  isInterrupted: boolean;
}

/** EC2's bookkeeping about one instance. */
export interface Ec2Instance {
  readonly instanceId: string;
  state: InstanceState;
  /** The time of the last start, ISO 8601, a whole second as in EC2. */
  launchTime: string;
  /** Why the instance is off. Undefined: it is on, or EC2 does not know why. */
  stateReason: StateReason | undefined;
  /** Undefined for an on-demand instance. */
  readonly spot: SpotRequest | undefined;
  /** Cancels the change of state in progress. */
  cancel: () => void;
}

/** The agent and the processes of the instances. Called when an instance's state changes. */
export interface InstanceListener {
  /** Called when the instance becomes `running`, and after a reboot. `launchTime`: as EC2 describes it. */
  up(instanceId: string, launchTime: string): void;
  /** Called when the instance goes down. `crashed`: not by an orderly shutdown. Returns when its machine is off. */
  down(instanceId: string, crashed: boolean): Promise<void>;
  /** Called when EC2 is about to take a spot instance away. Returns false if the machine cannot show the notice. */
  showNotice(instanceId: string, notice: SpotNotice): boolean;
  /** Called when the instance, with its disk, is terminated. */
  gone(instanceId: string): void;
}

/**
 * EC2's reasons. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html
 */
const REASONS = {
  user: reason('Client.UserInitiatedShutdown', 'User initiated shutdown'),
  inside: reason('Client.InstanceInitiatedShutdown', 'Instance initiated shutdown'),
  spot: reason('Server.SpotInstanceShutdown', 'Instance was stopped due to no available Spot capacity.'),
};

function reason(code: string, text: string): StateReason {
  return { code, message: `${code}: ${text}` };
}

/** EC2's instances over time. moto changes their states at once; here the changes take time. */
export class Ec2Instances {
  private readonly instances = new Map<string, Ec2Instance>();
  startCalls = 0;
  stopCalls = 0;

  constructor(
    private readonly options: {
      readonly listener: InstanceListener;
      readonly publish: Publish;
      readonly timers: Timers;
      readonly timings: Timings;
      readonly report: Report;
      readonly region: string;
    },
  ) {}

  all(): Ec2Instance[] {
    return [...this.instances.values()];
  }

  get(instanceId: string): Ec2Instance | undefined {
    return this.instances.get(instanceId);
  }

  /** Starts an instance that RunInstances has just made. */
  launch(instanceId: string, spot?: SpotRequest): void {
    const instance: Ec2Instance = {
      instanceId,
      state: 'pending',
      launchTime: launchTimeNow(),
      stateReason: undefined,
      spot,
      cancel: () => undefined,
    };
    this.instances.set(instanceId, instance);
    this.boot(instance, this.options.timings.launchMs);
  }

  /** Starts a `stopped` instance. The caller has checked the state. */
  start(instance: Ec2Instance): void {
    this.startCalls += 1;
    instance.launchTime = launchTimeNow();
    this.boot(instance);
  }

  stop(instance: Ec2Instance): void {
    this.stopCalls += 1;
    this.goDown(instance, REASONS.user, false);
  }

  terminate(instance: Ec2Instance): void {
    instance.stateReason = REASONS.user;
    this.change(instance, 'shutting-down');
    this.whenDown(instance, false, () => {
      this.options.listener.gone(instance.instanceId);
      this.change(instance, 'terminated');
    });
  }

  /** Reboots a running instance. LaunchTime stays, as in EC2. */
  reboot(instance: Ec2Instance): void {
    if (instance.state !== 'running') return;
    const { listener, timers } = this.options;
    const off = listener.down(instance.instanceId, false);
    timers.background(`the reboot of ${instance.instanceId}`, async () => {
      await off;
      if (instance.state === 'running') listener.up(instance.instanceId, instance.launchTime);
    });
  }

  /** The instance's machine has ended by itself. */
  endedByItself(instanceId: string, end: OwnEnd): void {
    const instance = this.known(instanceId);
    if (instance.state !== 'running') return;
    if (end === 'rebooted') this.reboot(instance);
    else if (end === 'powered off') this.goDown(instance, REASONS.inside, false);
    else this.crash(instanceId);
  }

  /** The instance shuts itself down. Throws LamplighterError for an unknown instance, and for one that is off. */
  shutDownFromInside(instanceId: string): void {
    const instance = this.known(instanceId);
    if (instance.state !== 'running') throw new LamplighterError(`${instanceId} is not running.`);
    this.goDown(instance, REASONS.inside, false);
  }

  /**
   * Ends everything on the instance, which is `stopped` at once. EC2 gives no reason: nobody stopped it. Throws
   * LamplighterError for an unknown instance.
   */
  crash(instanceId: string): void {
    const instance = this.known(instanceId);
    instance.cancel();
    const off = this.options.listener.down(instanceId, true);
    this.options.timers.background(`the crash of ${instanceId}`, () => off);
    this.change(instance, 'stopped');
  }

  /**
   * EC2 interrupts a spot instance: a notice, and an orderly shutdown. A machine that cannot show the notice crashes at once.
   * Throws LamplighterError for an on-demand instance, and for one that is off.
   */
  interrupt(instanceId: string): void {
    const instance = this.known(instanceId);
    if (!instance.spot || (instance.state !== 'running' && instance.state !== 'pending')) {
      throw new LamplighterError(`${instanceId} is not a running spot instance.`);
    }
    const { spot } = instance;
    const take = (crashed: boolean) => {
      spot.isInterrupted = true;
      this.goDown(instance, REASONS.spot, crashed);
    };
    const { spotNoticeMs } = this.options.timings;
    const time = `${new Date(Date.now() + spotNoticeMs).toISOString().slice(0, 19)}Z`;
    if (!this.options.listener.showNotice(instanceId, { action: 'stop', time })) take(true);
    else this.later(instance, spotNoticeMs, () => take(false));
  }

  /** EC2 has capacity again, and starts the instance. Throws LamplighterError unless EC2 had interrupted it. */
  bringBack(instanceId: string): void {
    const instance = this.known(instanceId);
    if (!instance.spot?.isInterrupted || instance.state !== 'stopped') {
      throw new LamplighterError(`${instanceId} is not a spot instance that EC2 has interrupted.`);
    }
    instance.spot.isInterrupted = false;
    instance.launchTime = launchTimeNow();
    this.boot(instance);
  }

  private goDown(instance: Ec2Instance, stateReason: StateReason, crashed: boolean): void {
    instance.stateReason = stateReason;
    this.change(instance, 'stopping');
    this.whenDown(instance, crashed, () => this.change(instance, 'stopped'));
  }

  /** Does `work` when the machine is off, and not before EC2's usual duration of a stop. */
  private whenDown(instance: Ec2Instance, crashed: boolean, work: () => void): void {
    const off = this.options.listener.down(instance.instanceId, crashed);
    let isCancelled = false;
    this.later(instance, this.options.timings.stopMs, async () => {
      await off;
      if (!isCancelled) work();
    });
    const { cancel } = instance;
    instance.cancel = () => {
      isCancelled = true;
      cancel();
    };
  }

  private known(instanceId: string): Ec2Instance {
    const instance = this.instances.get(instanceId);
    if (!instance) throw new LamplighterError(`The local cloud has no instance ${instanceId}.`);
    return instance;
  }

  private boot(instance: Ec2Instance, milliseconds = this.options.timings.startMs): void {
    instance.stateReason = undefined;
    this.change(instance, 'pending');
    this.later(instance, milliseconds, () => {
      this.change(instance, 'running');
      this.options.listener.up(instance.instanceId, instance.launchTime);
    });
  }

  private later(instance: Ec2Instance, milliseconds: number, work: () => unknown): void {
    instance.cancel();
    instance.cancel = this.options.timers.after(milliseconds, `instance ${instance.instanceId}`, work);
  }

  private change(instance: Ec2Instance, state: InstanceState): void {
    const { instanceId } = instance;
    instance.state = state;
    this.options.report({ kind: 'instance', instanceId, state, text: `instance ${instanceId} is ${state}` });
    this.options.publish({
      source: 'aws.ec2',
      detailType: 'EC2 Instance State-change Notification',
      resources: [instanceArn(this.options.region, instanceId)],
      detail: { 'instance-id': instanceId, state },
    });
  }
}

/** EC2's times have whole seconds. */
function launchTimeNow(): string {
  return `${new Date().toISOString().slice(0, 19)}.000Z`;
}

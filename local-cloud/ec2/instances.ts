import { LamplighterError } from '../../lifecycle/errors';
import type { InstanceState } from './xml';
import { instanceArn } from '../wire/arn';
import type { Publish, Report } from '../clockwork/events';
import type { Timers } from '../clockwork/timers';
import type { Timings } from '../clockwork/timings';

/** A persistent request behind an instance: EC2 may take the instance away, and bring it back. */
export interface SpotRequest {
  readonly id: string;
  readonly interruptionBehavior: string;
  readonly type: string;
  isCancelled: boolean;
  /** EC2 has stopped the instance: nobody else can start it. */
  isInterrupted: boolean;
}

/** EC2's bookkeeping about one instance. */
export interface Ec2Instance {
  readonly instanceId: string;
  state: InstanceState;
  /** Of the last start, ISO 8601. */
  launchTime: string;
  /** Undefined for an instance that is paid for on demand. */
  readonly spot: SpotRequest | undefined;
  /** Ends the change of state that is under way. */
  cancel: () => void;
}

/** What lives on an instance and shares its fate. */
export interface Guest {
  /** The instance is `running`, or has been rebooted. */
  up(instanceId: string): void;
  /** The instance goes down. `crashed`: without a chance to say goodbye. */
  down(instanceId: string, crashed: boolean): void;
  /** The instance is gone for ever, and its disk with it. */
  gone(instanceId: string): void;
}

/** Instances as EC2 would have them over time: moto changes their state at once, here it takes a while. */
export class Ec2Instances {
  private readonly instances = new Map<string, Ec2Instance>();
  startCalls = 0;
  stopCalls = 0;

  constructor(
    private readonly options: {
      readonly guest: Guest;
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

  /** A instance that RunInstances has just made. */
  launch(instanceId: string, spot?: SpotRequest): void {
    const instance: Ec2Instance = {
      instanceId,
      state: 'pending',
      launchTime: new Date().toISOString(),
      spot,
      cancel: () => undefined,
    };
    this.instances.set(instanceId, instance);
    this.boot(instance);
  }

  /** From `stopped`; the caller has looked. */
  start(instance: Ec2Instance): void {
    this.startCalls += 1;
    instance.launchTime = new Date().toISOString();
    this.boot(instance);
  }

  stop(instance: Ec2Instance): void {
    this.stopCalls += 1;
    this.change(instance, 'stopping');
    this.options.guest.down(instance.instanceId, false);
    this.later(instance, this.options.timings.stopMs, () => this.change(instance, 'stopped'));
  }

  terminate(instance: Ec2Instance): void {
    this.change(instance, 'shutting-down');
    this.options.guest.down(instance.instanceId, false);
    this.later(instance, this.options.timings.stopMs, () => {
      this.options.guest.gone(instance.instanceId);
      this.change(instance, 'terminated');
    });
  }

  /** LaunchTime stays, as in EC2. */
  reboot(instance: Ec2Instance): void {
    if (instance.state !== 'running') return;
    this.options.guest.down(instance.instanceId, false);
    this.options.guest.up(instance.instanceId);
  }

  /** The host dies: everything on it ends, and EC2 finds the instance stopped. Throws LamplighterError if unknown. */
  crash(instanceId: string): void {
    const instance = this.known(instanceId);
    instance.cancel();
    this.options.guest.down(instanceId, true);
    this.change(instance, 'stopped');
  }

  /** EC2 takes a spot instance away; its two minutes' notice is left out. Throws LamplighterError if it is none, or is off. */
  interrupt(instanceId: string): void {
    const instance = this.known(instanceId);
    if (!instance.spot || (instance.state !== 'running' && instance.state !== 'pending')) {
      throw new LamplighterError(`${instanceId} is no spot instance that runs.`);
    }
    instance.spot.isInterrupted = true;
    this.change(instance, 'stopping');
    this.options.guest.down(instanceId, true);
    this.later(instance, this.options.timings.stopMs, () => this.change(instance, 'stopped'));
  }

  /** EC2 has capacity again. Throws LamplighterError unless it had taken the instance away. */
  bringBack(instanceId: string): void {
    const instance = this.known(instanceId);
    if (!instance.spot?.isInterrupted || instance.state !== 'stopped') {
      throw new LamplighterError(`${instanceId} is no spot instance that EC2 has stopped.`);
    }
    instance.spot.isInterrupted = false;
    instance.launchTime = new Date().toISOString();
    this.boot(instance);
  }

  private known(instanceId: string): Ec2Instance {
    const instance = this.instances.get(instanceId);
    if (!instance) throw new LamplighterError(`The local cloud has no instance ${instanceId}.`);
    return instance;
  }

  private boot(instance: Ec2Instance): void {
    this.change(instance, 'pending');
    this.later(instance, this.options.timings.startMs, () => {
      this.change(instance, 'running');
      this.options.guest.up(instance.instanceId);
    });
  }

  private later(instance: Ec2Instance, milliseconds: number, work: () => void): void {
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

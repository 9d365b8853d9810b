import { LamplighterError } from '../../lifecycle/errors';
import type { InstanceState } from './xml';
import type { EventBus } from '../eventbridge/api';
import { ACCOUNT_ID } from '../moto/moto-api';
import type { Report } from '../clockwork/events';
import type { SpotRequest } from './spot-requests';
import type { Timers } from '../clockwork/timers';
import type { Timings } from '../clockwork/timings';

export interface Machine {
  readonly instanceId: string;
  state: InstanceState;
  /** Of the last start, ISO 8601. */
  launchTime: string;
  /** Undefined for an instance that is paid for on demand. */
  readonly spot: SpotRequest | undefined;
  /** Ends the change of state that is under way. */
  cancel: () => void;
}

/** What lives on a machine and shares its fate. */
export interface Guest {
  /** The machine is `running`, or has been rebooted. */
  up(instanceId: string): void;
  /** The machine goes down. `crashed`: without a chance to say goodbye. */
  down(instanceId: string, crashed: boolean): void;
  /** The machine is gone for ever, and its disk with it. */
  gone(instanceId: string): void;
}

/** Instances as EC2 would have them over time: moto changes their state at once, here it takes a while. */
export class Machines {
  private readonly machines = new Map<string, Machine>();
  startCalls = 0;
  stopCalls = 0;

  constructor(
    private readonly options: {
      readonly guest: Guest;
      readonly bus: EventBus;
      readonly timers: Timers;
      readonly timings: Timings;
      readonly report: Report;
      readonly region: string;
    },
  ) {}

  all(): Machine[] {
    return [...this.machines.values()];
  }

  get(instanceId: string): Machine | undefined {
    return this.machines.get(instanceId);
  }

  /** A machine that RunInstances has just made. */
  launch(instanceId: string, spot?: SpotRequest): void {
    const machine: Machine = {
      instanceId,
      state: 'pending',
      launchTime: new Date().toISOString(),
      spot,
      cancel: () => undefined,
    };
    this.machines.set(instanceId, machine);
    this.boot(machine);
  }

  /** From `stopped`; the caller has looked. */
  start(machine: Machine): void {
    this.startCalls += 1;
    machine.launchTime = new Date().toISOString();
    this.boot(machine);
  }

  stop(machine: Machine): void {
    this.stopCalls += 1;
    this.change(machine, 'stopping');
    this.options.guest.down(machine.instanceId, false);
    this.later(machine, this.options.timings.stopMs, () => this.change(machine, 'stopped'));
  }

  terminate(machine: Machine): void {
    this.change(machine, 'shutting-down');
    this.options.guest.down(machine.instanceId, false);
    this.later(machine, this.options.timings.stopMs, () => {
      this.options.guest.gone(machine.instanceId);
      this.change(machine, 'terminated');
    });
  }

  /** LaunchTime stays, as in EC2. */
  reboot(machine: Machine): void {
    if (machine.state !== 'running') return;
    this.options.guest.down(machine.instanceId, false);
    this.options.guest.up(machine.instanceId);
  }

  /** The host dies: everything on it ends, and EC2 finds the instance stopped. Throws LamplighterError if unknown. */
  crash(instanceId: string): void {
    const machine = this.known(instanceId);
    machine.cancel();
    this.options.guest.down(instanceId, true);
    this.change(machine, 'stopped');
  }

  /** EC2 takes a spot instance away; its two minutes' notice is left out. Throws LamplighterError if it is none, or is off. */
  interrupt(instanceId: string): void {
    const machine = this.known(instanceId);
    if (!machine.spot || (machine.state !== 'running' && machine.state !== 'pending')) {
      throw new LamplighterError(`${instanceId} is no spot instance that runs.`);
    }
    machine.spot.isInterrupted = true;
    this.change(machine, 'stopping');
    this.options.guest.down(instanceId, true);
    this.later(machine, this.options.timings.stopMs, () => this.change(machine, 'stopped'));
  }

  /** EC2 has capacity again. Throws LamplighterError unless it had taken the instance away. */
  bringBack(instanceId: string): void {
    const machine = this.known(instanceId);
    if (!machine.spot?.isInterrupted || machine.state !== 'stopped') {
      throw new LamplighterError(`${instanceId} is no spot instance that EC2 has stopped.`);
    }
    machine.spot.isInterrupted = false;
    machine.launchTime = new Date().toISOString();
    this.boot(machine);
  }

  private known(instanceId: string): Machine {
    const machine = this.machines.get(instanceId);
    if (!machine) throw new LamplighterError(`The local cloud has no instance ${instanceId}.`);
    return machine;
  }

  private boot(machine: Machine): void {
    this.change(machine, 'pending');
    this.later(machine, this.options.timings.startMs, () => {
      this.change(machine, 'running');
      this.options.guest.up(machine.instanceId);
    });
  }

  private later(machine: Machine, milliseconds: number, work: () => void): void {
    machine.cancel();
    machine.cancel = this.options.timers.after(milliseconds, `instance ${machine.instanceId}`, work);
  }

  private change(machine: Machine, state: InstanceState): void {
    const { instanceId } = machine;
    machine.state = state;
    this.options.report({ kind: 'instance', instanceId, state, text: `instance ${instanceId} is ${state}` });
    this.options.bus.publish({
      source: 'aws.ec2',
      detailType: 'EC2 Instance State-change Notification',
      resources: [`arn:aws:ec2:${this.options.region}:${ACCOUNT_ID}:instance/${instanceId}`],
      detail: { 'instance-id': instanceId, state },
    });
  }
}

import { setTimeout as pause } from 'node:timers/promises';
import type { VersioningFaults } from './s3/late-versioning';
import type { NotificationFaults } from './s3/notifications';
import type { AgentFaults, CommandsAtCrash } from './ssm/agents';
import type { CallHead } from './wire/call';

/** The parts that tests control, and whose events tests count. */
interface Parts {
  readonly agents: { killDrain(instanceId: string): boolean };
  readonly instances: {
    crash(instanceId: string): void;
    shutDownFromInside(instanceId: string): void;
    interrupt(instanceId: string): void;
    bringBack(instanceId: string): void;
    readonly startCalls: number;
    readonly stopCalls: number;
  };
  readonly bus: { fireSchedules(): Promise<void> };
  readonly functions: { invocations(functionName: string): number };
  readonly timers: { readonly deliveries: readonly string[] };
}

interface CountedFault {
  /** Undefined: any bucket. */
  readonly bucketKind: string | undefined;
  count: number;
}

/** Requests of this method, for objects whose path matches, are answered so much later. */
export interface ObjectDelay {
  readonly method: 'GET' | 'PUT';
  readonly path: RegExp;
  readonly milliseconds: number;
}

/** Faults that end-to-end tests inject, and counters. The parts of the local cloud read their faults here. */
export class Faults implements AgentFaults, NotificationFaults, VersioningFaults {
  commandsAtCrash: CommandsAtCrash = 'failed';
  agentsAreMute = false;
  /** Delays of requests for objects, so that a test can act in the midst of one. */
  objectDelays: ObjectDelay[] = [];
  /** Delays of operations by their names, in milliseconds, such as that of `AssociateRouteTable`. */
  readonly operationDelays: Record<string, number> = {};
  /** Time until a bucket's versioning takes effect, in milliseconds. Objects that are written before it have no version. */
  versioningMs = 0;
  private readonly startRefusals: string[] = [];
  private readonly drops: CountedFault[] = [];
  private readonly duplicates: CountedFault[] = [];
  private controlled: Parts | undefined;

  /** The calls of functions and instances to EC2 and SSM, by role and operation. */
  private readonly calls = new Map<string, number>();

  noteCall(role: string, operation: string): void {
    this.calls.set(`${role} ${operation}`, this.calledTimes(role, operation) + 1);
  }

  /** How often a role has called an operation of EC2 or SSM, refused calls included. */
  calledTimes(role: string, operation: string): number {
    return this.calls.get(`${role} ${operation}`) ?? 0;
  }

  /** Refuses the next `count` StartInstances with this code of EC2, such as `VcpuLimitExceeded`. */
  refuseStarts(code: string, count: number): void {
    this.startRefusals.push(...Array.from({ length: count }, () => code));
  }

  /** The code with which EC2 refuses this start, or undefined. */
  takeStartRefusal(): string | undefined {
    return this.startRefusals.shift();
  }

  /** Sets the parts. Called once, when they exist. */
  control(parts: Parts): void {
    this.controlled = parts;
  }

  /** Loses the next `count` notifications of buckets whose name holds `-<bucketKind>-`. */
  dropNotifications(bucketKind: string, count: number): void {
    this.drops.push({ bucketKind, count });
  }

  /** Delivers the next `count` notifications twice: of one kind of bucket, or of any. */
  duplicateNotifications(count: number, bucketKind?: string): void {
    this.duplicates.push({ bucketKind, count });
  }

  takeDrop(bucket: string): boolean {
    return take(this.drops, bucket);
  }

  takeDuplicate(bucket: string): boolean {
    return take(this.duplicates, bucket);
  }

  /** Returns when a request for an object may go on. */
  async delay({ method, path }: Pick<CallHead, 'method' | 'path'>): Promise<void> {
    const delay = this.objectDelays.find((each) => each.method === method && each.path.test(path));
    if (delay) await pause(delay.milliseconds);
  }

  /** Returns when an operation may go on. */
  async delayOperation(operation = ''): Promise<void> {
    const milliseconds = this.operationDelays[operation];
    if (milliseconds !== undefined) await pause(milliseconds);
  }

  /** Kills the drain with SIGKILL, and nothing else. Returns false if there is no drain. */
  killDrain(instanceId: string): boolean {
    return this.parts.agents.killDrain(instanceId);
  }

  /** The instance shuts itself down, as the idle timer does. */
  shutDownFromInside(instanceId: string): void {
    this.parts.instances.shutDownFromInside(instanceId);
  }

  /** Kills everything on the instance, which is `stopped` at once. EC2 gives no reason for it. */
  crashInstance(instanceId: string): void {
    this.parts.instances.crash(instanceId);
  }

  /** EC2 interrupts a spot instance. A systemd machine shows the notice before. */
  interruptSpot(instanceId: string): void {
    this.parts.instances.interrupt(instanceId);
  }

  /** EC2 starts a spot instance that it has interrupted. */
  bringBackSpot(instanceId: string): void {
    this.parts.instances.bringBack(instanceId);
  }

  /** Fires every schedule now. */
  sweepNow(): Promise<void> {
    return this.parts.bus.fireSchedules();
  }

  /** Number of runs of a function, retries included. */
  invocations(functionName: string): number {
    return this.parts.functions.invocations(functionName);
  }

  /** The events on their way to a function, and the asynchronous invocations that have not ended, retries included. */
  get deliveries(): readonly string[] {
    return this.parts.timers.deliveries;
  }

  /** Number of StartInstances calls that started an instance. */
  get startCalls(): number {
    return this.parts.instances.startCalls;
  }

  /** Number of StopInstances calls that stopped an instance. */
  get stopCalls(): number {
    return this.parts.instances.stopCalls;
  }

  private get parts(): Parts {
    if (!this.controlled)
      throw new Error('The local cloud is still starting: it has nothing to control yet.');
    return this.controlled;
  }
}

function take(faults: CountedFault[], bucket: string): boolean {
  const fault = faults.find(
    ({ bucketKind, count }) => count > 0 && (bucketKind === undefined || bucket.includes(`-${bucketKind}-`)),
  );
  if (!fault) return false;
  fault.count -= 1;
  return true;
}

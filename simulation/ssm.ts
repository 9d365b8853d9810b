import { awsError } from './aws-error';
import type { SimInstance } from './instance';
import type { SimProcess } from './process';
import type { World } from './world';

type CommandStatus = 'Pending' | 'InProgress' | 'Success' | 'Failed' | 'Undeliverable';

export interface SimCommand {
  readonly id: string;
  readonly document: string;
  readonly sentAt: number;
  /** The job in a command of the plain chain. Our commands contain none. */
  readonly job: string | undefined;
  /** The command never reaches the agent. */
  readonly isLost: boolean;
  readonly statuses: { readonly at: number; readonly status: CommandStatus }[];
}

/** What Systems Manager needs of the other parts. */
interface SsmWorld extends World {
  readonly instance: Pick<SimInstance, 'state' | 'times'>;
  readonly machine: { runCommand(command: SimCommand): void };
  readonly functions: { commandEnded(id: string, status: string): void };
  readonly checks: { checkSendCommand(by: SimProcess, input: object): void };
}

/** Period of the agent's pings, in milliseconds. */
const PING_MS = 5 * 60_000;

/** TimeoutSeconds of lifecycle/dispatch.ts, in milliseconds. */
const DELIVERY_TIMEOUT_MS = 600_000;

/** Maximum page of ListCommands. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListCommands.html */
const LONGEST_PAGE = 50;

/** Time after its last ping during which SSM shows an agent as `Online`, in milliseconds. */
const STILL_ONLINE_MS = 5 * 60_000;

/** Systems Manager: the pings of the agent, and the commands. */
export class SimSsm {
  readonly commands: SimCommand[] = [];
  private lastPing: number | undefined;
  private registeredAt: number | undefined;

  constructor(private readonly world: SsmWorld) {}

  /** Called when the agent has registered after a boot. */
  agentRegistered(): void {
    this.registeredAt = this.world.timeline.now;
    this.world.narrate?.('agent', 'registered');
    for (const command of this.commands) {
      if (statusOf(command) === 'Pending' && !command.isLost) this.deliver(command);
    }
  }

  /** Called when the machine goes down, and the agent with it. */
  agentStopped(): void {
    this.lastPing = this.pingNow();
    this.registeredAt = undefined;
  }

  /** Whether the agent has really pinged after that time. SSM's answer may be stale. */
  hasPingedSince(time: number): boolean {
    return (this.pingNow() ?? -Infinity) > time;
  }

  /** DescribeInstanceInformation of one instance. It has one page. */
  describe(): object {
    const { faults, luck, timeline } = this.world;
    let ping = this.pingNow();
    if (ping !== undefined && faults.strikes('ping stale')) ping -= luck.between(1_000, 120_000);
    if (ping === undefined) return { InstanceInformationList: [] };
    const PingStatus = timeline.now - ping < STILL_ONLINE_MS ? 'Online' : 'ConnectionLost';
    return { InstanceInformationList: [{ PingStatus, LastPingDateTime: new Date(ping) }] };
  }

  /** Throws InvalidFilterKey for a filter that the simulator does not support. */
  list(input: Readonly<Record<string, unknown>>): object {
    const { faults, luck, timeline, settings } = this.world;
    const { Filters = [], NextToken = '0' } = input as { Filters?: readonly Filter[]; NextToken?: string };
    if (Filters.some(({ key }) => key !== 'InvokedAfter' && key !== 'DocumentName')) {
      throw awsError('InvalidFilterKey', 400);
    }
    const isWanted = (command: SimCommand) => Filters.every((filter) => matches(command, filter));
    const lag = faults.strikes('command status stale') ? luck.between(1_000, 60_000) : luck.between(0, 200);
    const then = timeline.now - lag;
    const listed = this.commands.filter((command) => command.sentAt <= then && isWanted(command));
    const begin = Number(NextToken);
    const end = begin + Math.min(settings.listPage, LONGEST_PAGE);
    return {
      Commands: listed.slice(begin, end).map((command) => ({
        CommandId: command.id,
        InstanceIds: ['i-1'],
        Status: command.statuses.findLast(({ at }) => at <= then)?.status ?? 'Pending',
      })),
      ...(listed.length > end && { NextToken: String(end) }),
    };
  }

  sendCommand(by: SimProcess, input: Readonly<Record<string, unknown>>): object {
    const { timeline, faults, instance, checks } = this.world;
    const countsAsOnline = this.lastPing !== undefined && timeline.now - this.lastPing < STILL_ONLINE_MS;
    const accepted = this.registeredAt !== undefined || (instance.state === 'running' && countsAsOnline);
    if (!accepted || faults.strikes('instance not accepted')) throw awsError('InvalidInstanceId', 400);
    checks.checkSendCommand(by, input);
    const command = {
      id: `command-${this.commands.length + 1}`,
      document: String(input.DocumentName),
      sentAt: timeline.now,
      job: (input as { Parameters?: { job?: string[] } }).Parameters?.job?.[0],
      isLost: faults.strikes('command lost'),
      statuses: [],
    };
    this.commands.push(command);
    this.report(command, 'Pending');
    timeline.after(DELIVERY_TIMEOUT_MS, () => {
      if (statusOf(command) === 'Pending') this.report(command, 'Undeliverable');
    });
    // A command to a machine without an agent waits until the agent registers, or times out. That is why the worker
    // checks the last ping.
    if (command.isLost) this.world.narrate?.(command.id, 'is lost');
    if (this.registeredAt !== undefined && !command.isLost) {
      this.sendToAgent(command);
      if (faults.strikes('command twice')) this.sendToAgent(command);
    }
    return { Command: { CommandId: command.id } };
  }

  report(command: SimCommand, status: CommandStatus): void {
    command.statuses.push({ at: this.world.timeline.now, status });
    this.world.narrate?.(command.id, status);
    const { functions } = this.world;
    if (status !== 'Pending' && status !== 'InProgress') functions.commandEnded(command.id, status);
  }

  private sendToAgent(command: SimCommand): void {
    const { timeline, faults, luck, instance } = this.world;
    const usual = () => instance.times?.deliveryMs ?? luck.spread(100, 2_000);
    const delay = faults.strikes('command late') ? luck.between(5_000, 300_000) : usual();
    timeline.after(delay, () => this.deliver(command));
  }

  /** If the agent is not registered, agentRegistered() delivers the command later, unless it has timed out by then. */
  private deliver(command: SimCommand): void {
    if (this.registeredAt !== undefined && statusOf(command) !== 'Undeliverable') {
      this.world.machine.runCommand(command);
    }
  }

  private pingNow(): number | undefined {
    const { registeredAt, lastPing } = this;
    if (registeredAt === undefined) return lastPing;
    return registeredAt + Math.floor((this.world.timeline.now - registeredAt) / PING_MS) * PING_MS;
  }
}

interface Filter {
  readonly key: string;
  readonly value: string;
}

function matches({ sentAt, document }: SimCommand, { key, value }: Filter): boolean {
  return key === 'InvokedAfter' ? sentAt >= Date.parse(value) : document === value;
}

export function statusOf({ statuses }: SimCommand): CommandStatus {
  return statuses.at(-1)?.status ?? 'Pending';
}

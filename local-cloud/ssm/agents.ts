import type { Report } from '../clockwork/events';
import type { Timers } from '../clockwork/timers';
import type { Machine, MakeMachine, OpenStepLog } from '../machine/port';
import { instanceArn } from '../wire/arn';
import { type AssumeRole, type Permits, type RoleCredentials, serviceSession } from '../wire/caller';
import { type Boot, CommandRunner } from './command-run';
import { type CommandInvocation, type Commands, expiryOf } from './commands';

const PING_MS = 3_000;

/** Time after the last ping until Systems Manager no longer reports Online. */
const ONLINE_MS = 30_000;

/** The effect of an instance's crash on its running commands. With real agents, each of these happens. */
export type CommandsAtCrash =
  /** The commands end as Failed, at once. */
  | 'failed'
  /** The commands run again after the next boot, once. */
  | 'resubmitted'
  /** The commands stay InProgress for ever. */
  | 'forgotten';

export interface AgentFaults {
  readonly commandsAtCrash: CommandsAtCrash;
  /** While true, no agent registers after its instance's launch. */
  readonly agentsAreMute: boolean;
}

interface Agent {
  readonly instanceId: string;
  readonly machine: Machine;
  /** EC2's LaunchTime of this on-time. */
  launchTime: string;
  /** Milliseconds since the epoch. Undefined before the first registration. */
  lastPing: number | undefined;
  boot: Boot | undefined;
  /** Cancels the registration, or the pings. */
  cancel: () => unknown;
}

export interface AgentsOptions {
  readonly makeMachine: MakeMachine;
  /** The ARN of the instance's role; undefined if the instance has no profile. */
  readonly roleOf: (instanceId: string) => Promise<string | undefined>;
  readonly assumeRole: AssumeRole;
  readonly permits: Permits;
  readonly openStepLog: OpenStepLog;
  readonly commands: Commands;
  readonly faults: AgentFaults;
  readonly timers: Timers;
  readonly report: Report;
  readonly endpoint: string;
  readonly region: string;
  readonly agentMs: number;
}

/** The SSM agents, each on its instance's machine. */
export class Agents {
  private readonly agents = new Map<string, Agent>();
  private readonly runner: CommandRunner;

  constructor(private readonly options: AgentsOptions) {
    this.runner = new CommandRunner(options.commands, options.report, options.openStepLog);
  }

  /** The agents that have registered. */
  registered(): { instanceId: string; pingStatus: string; lastPing: number }[] {
    return [...this.agents.values()].flatMap(({ instanceId, lastPing }) => {
      if (lastPing === undefined) return [];
      const pingStatus = Date.now() - lastPing < ONLINE_MS ? 'Online' : 'ConnectionLost';
      return [{ instanceId, lastPing, pingStatus }];
    });
  }

  up(instanceId: string, launchTime: string): void {
    const { timers, agentMs } = this.options;
    const agent = this.agentOf(instanceId);
    agent.launchTime = launchTime;
    agent.cancel();
    agent.cancel = timers.after(agentMs, `the agent of ${instanceId}`, () => this.register(agent));
  }

  down(instanceId: string, crashed: boolean): void {
    const { commands, faults } = this.options;
    const agent = this.agentOf(instanceId);
    agent.cancel();
    agent.cancel = () => undefined;
    if (agent.boot) agent.boot.isOver = true;
    agent.boot = undefined;
    agent.machine.powerOff();
    if (crashed && faults.commandsAtCrash !== 'failed') return;
    for (const invocation of commands.of(instanceId, 'InProgress')) {
      commands.change(invocation, 'Failed', 'Terminated');
    }
  }

  gone(instanceId: string): void {
    this.agents.get(instanceId)?.machine.remove();
    this.agents.delete(instanceId);
  }

  /** Runs a new command as soon as the agent is up. A command that expires before that is TimedOut. */
  deliver(invocation: CommandInvocation): void {
    const agent = this.agentOf(invocation.instanceId);
    const waitMs = Math.min(expiryOf(invocation.command) - Date.now(), 2 ** 31 - 1);
    this.options.timers.after(waitMs, 'a delivery timeout', () => {
      if (invocation.status === 'Pending') {
        this.options.commands.change(invocation, 'TimedOut', 'DeliveryTimedOut');
      }
    });
    if (agent.boot) this.begin(agent, agent.boot, invocation);
  }

  /** Kills the drain of an instance, and nothing else. Returns false if there is no drain. */
  killDrain(instanceId: string): boolean {
    return this.agents.get(instanceId)?.machine.killDrain() ?? false;
  }

  /** Kills everything on every instance. Synchronous. */
  killAll(): void {
    for (const { machine, boot, cancel } of this.agents.values()) {
      cancel();
      if (boot) boot.isOver = true;
      machine.powerOff();
    }
  }

  private agentOf(instanceId: string): Agent {
    const known = this.agents.get(instanceId);
    if (known) return known;
    const machine = this.options.makeMachine(instanceId);
    const agent: Agent = {
      instanceId,
      machine,
      launchTime: '',
      lastPing: undefined,
      boot: undefined,
      cancel: () => undefined,
    };
    this.agents.set(instanceId, agent);
    return agent;
  }

  private async register(agent: Agent): Promise<void> {
    const { commands, faults, timers, report } = this.options;
    if (faults.agentsAreMute) return;
    const { instanceId, machine } = agent;
    let isCancelled = false;
    agent.cancel = () => (isCancelled = true);
    await machine.prepare();
    const credentials = await this.credentialsOf(instanceId);
    // The instance may have gone down meanwhile.
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- changed by cancel, during the awaits
    if (isCancelled || credentials === undefined) return;
    const environment = machine.boot(this.variablesWith(credentials, agent));
    const boot: Boot = { environment, credentials, isOver: false };
    agent.boot = boot;
    agent.lastPing = Date.now();
    agent.cancel = timers.every(PING_MS, 'a ping', () => (agent.lastPing = Date.now()));
    const text = `the SSM agent of ${instanceId} is online`;
    report({ kind: 'agent', instanceId, pingStatus: 'Online', text });
    const resubmitted = faults.commandsAtCrash === 'resubmitted' ? commands.resubmit(instanceId) : [];
    for (const invocation of [...resubmitted, ...commands.of(instanceId, 'Pending')]) {
      this.begin(agent, boot, invocation);
    }
  }

  /** The credentials of the instance's role. Undefined, with a warning, if the agent has none or may not register with them. */
  private async credentialsOf(instanceId: string): Promise<RoleCredentials | undefined> {
    const warn = (text: string) => this.options.report({ kind: 'warning', text });
    const roleArn = await this.options.roleOf(instanceId);
    if (roleArn === undefined) {
      warn(`${instanceId} has no instance profile: its agent cannot register`);
      return undefined;
    }
    const credentials = await this.options.assumeRole(roleArn, instanceId);
    if (await this.mayRegister(roleArn, instanceId)) return credentials;
    warn(`the agent of ${instanceId} cannot register: its role does not allow it`);
    return undefined;
  }

  private variablesWith(credentials: RoleCredentials, agent: Agent): Record<string, string> {
    const { region, endpoint } = this.options;
    return {
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ENDPOINT_URL: endpoint,
      AWS_EC2_METADATA_DISABLED: 'true',
      // On EC2 the metadata service says these.
      LAMPLIGHTER_INSTANCE_ID: agent.instanceId,
      LAMPLIGHTER_LAUNCHED_AT: agent.launchTime,
      ...credentials,
    };
  }

  /** Whether the role may make the calls of a registration. Commands and answers need no further permission. */
  private async mayRegister(roleArn: string, instanceId: string): Promise<boolean> {
    const { permits, region } = this.options;
    const session = serviceSession(roleArn, instanceId);
    const calls = [
      { action: 'ssm:UpdateInstanceInformation', resource: instanceArn(region, instanceId), instanceId },
      { action: 'ssmmessages:CreateControlChannel', resource: '*' },
      { action: 'ssmmessages:OpenControlChannel', resource: '*' },
    ];
    for (const call of calls) {
      if (!(await permits(session, call))) return false;
    }
    return true;
  }

  private begin(agent: Agent, boot: Boot, invocation: CommandInvocation): void {
    const what = `the command ${invocation.command.id}`;
    this.options.timers.background(what, () => this.runner.run(agent.machine, boot, invocation));
  }
}

import type { Report } from '../clockwork/events';
import type { Timers } from '../clockwork/timers';
import type { BootOrder, Machine, MakeMachine, OpenStepLog, OwnEnd, SpotNotice } from '../machine/port';
import { instanceArn } from '../wire/arn';
import { type AssumeRole, type Permits, serviceSession } from '../wire/caller';
import { type Boot, CommandRunner } from './command-run';
import { type CommandInvocation, type Commands, expiryOf } from './commands';

const PING_MS = 3_000;

/** Time after the last ping until Systems Manager no longer reports Online. */
const ONLINE_MS = 30_000;

/**
 * Time that an agent sleeps after its first call has failed because of the network, in milliseconds. Only a boot ends the sleep
 * earlier. Later sleeps double. aws/amazon-ssm-agent, core/app/credentialrefresher (getEC2DefaultSSMSleepDuration).
 */
const AGENT_SLEEP_MS = 300_000;

/**
 * The effect of an instance's crash on its running commands. On a machine with an orderly shutdown, this is the effect of a
 * shutdown and a reboot, too. With real agents, each of these happens.
 */
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
  /** Called when a machine has ended by itself. */
  readonly onOwnEnd: (instanceId: string, end: OwnEnd) => void;
  readonly tagsOf: (instanceId: string) => Promise<Record<string, string>>;
  /** The ARN of the instance's role; undefined if the instance has no profile. */
  readonly roleOf: (instanceId: string) => Promise<string | undefined>;
  /** What keeps the instance from Systems Manager; undefined if nothing does. */
  readonly missingWayOut: (instanceId: string) => Promise<string | undefined>;
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
    agent.cancel = timers.after(agentMs, `the agent of ${instanceId}`, () =>
      this.callFirst(agent, AGENT_SLEEP_MS),
    );
  }

  /** Returns when the machine is off. */
  down(instanceId: string, crashed: boolean): Promise<void> {
    const agent = this.agentOf(instanceId);
    const { boot, machine } = agent;
    agent.cancel();
    agent.cancel = () => undefined;
    agent.boot = undefined;
    if (!crashed && machine.shutsDownInOrder) {
      // Until the agent's own end, its commands end as usual.
      return machine.shutDown().then(() => this.interruptCommands(instanceId, boot, true));
    }
    machine.powerOff();
    this.interruptCommands(instanceId, boot, crashed);
    return machine.whenOff();
  }

  /** Shows EC2's notice to a spot instance. Returns false if its machine cannot. */
  showNotice(instanceId: string, notice: SpotNotice): boolean {
    return this.agents.get(instanceId)?.machine.showNotice(notice) ?? false;
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

  /** Kills everything on every instance. Returns when all machines are off. */
  async end(): Promise<void> {
    this.killAll();
    await Promise.all([...this.agents.values()].map(({ machine }) => machine.whenOff()));
  }

  /** `mayStay`: the running commands may stay InProgress. */
  private interruptCommands(instanceId: string, boot: Boot | undefined, mayStay: boolean): void {
    const { commands, faults } = this.options;
    if (boot) boot.isOver = true;
    if (mayStay && faults.commandsAtCrash !== 'failed') return;
    for (const invocation of commands.of(instanceId, 'InProgress')) {
      commands.change(invocation, 'Failed', 'Terminated');
    }
  }

  private agentOf(instanceId: string): Agent {
    const known = this.agents.get(instanceId);
    if (known) return known;
    const machine = this.options.makeMachine(instanceId, (end) => this.options.onOwnEnd(instanceId, end));
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

  /** The agent's first call after a boot. Without a way to Systems Manager it fails, and the agent sleeps. */
  private async callFirst(agent: Agent, sleepMs: number): Promise<void> {
    const { faults, timers, report, missingWayOut } = this.options;
    if (faults.agentsAreMute) return;
    const { instanceId } = agent;
    let isCancelled = false;
    agent.cancel = () => (isCancelled = true);
    const missing = await missingWayOut(instanceId);
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- changed by cancel, during the await
    if (isCancelled) return;
    if (missing === undefined) return this.register(agent);
    const minutes = sleepMs / 60_000;
    const text = `the SSM agent of ${instanceId} sleeps for ${minutes} minutes: ${missing}`;
    report({ kind: 'warning', text });
    const again = () => this.callFirst(agent, sleepMs * 2);
    agent.cancel = timers.after(sleepMs, `the sleeping agent of ${instanceId}`, again);
  }

  private async register(agent: Agent): Promise<void> {
    const { commands, faults, timers, report } = this.options;
    const { instanceId, machine } = agent;
    let isCancelled = false;
    agent.cancel = () => (isCancelled = true);
    await machine.prepare();
    const order = await this.bootOrderOf(agent);
    // The instance may have gone down meanwhile.
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- changed by cancel, during the awaits
    if (isCancelled || order === undefined) return;
    const environment = await machine.boot(order).catch((error: unknown) => {
      if (isCancelled) return undefined;
      throw error;
    });
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- changed by cancel, during the boot
    if (isCancelled || environment === undefined) return;
    const { credentials } = order;
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

  /** Undefined, with a warning, if the instance has no role or its agent may not register with the role. */
  private async bootOrderOf({ instanceId, launchTime }: Agent): Promise<BootOrder | undefined> {
    const { region, endpoint, roleOf, assumeRole, tagsOf } = this.options;
    const warn = (text: string) => this.options.report({ kind: 'warning', text });
    const roleArn = await roleOf(instanceId);
    if (roleArn === undefined) {
      warn(`${instanceId} has no instance profile: its agent cannot register`);
      return undefined;
    }
    const credentials = await assumeRole(roleArn, instanceId);
    if (await this.mayRegister(roleArn, instanceId)) {
      const tags = () => tagsOf(instanceId);
      return { instanceId, launchTime, region, endpoint, roleArn, credentials, tags };
    }
    warn(`the agent of ${instanceId} cannot register: its role does not allow it`);
    return undefined;
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

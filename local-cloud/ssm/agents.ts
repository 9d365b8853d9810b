import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { AgentLogs } from './agent-logs';
import type { Authorizer } from '../iam/authorize';
import { type CommandInvocation, type Commands, expiryOf, hasEnded } from './commands';
import { instancesIn } from '../ec2/xml';
import type { CommandsAtCrash } from '../faults';
import type { Guest } from '../ec2/machines';
import { arnOf } from '../iam/ask';
import type { MotoApi } from '../moto/moto-api';
import type { Report } from '../clockwork/events';
import type { Roles } from '../iam/roles';
import { Sandbox } from '../machine/sandbox';
import { runStep } from '../machine/step-run';
import type { Timers } from '../clockwork/timers';

const PING_MS = 3_000;

/** Systems Manager goes on saying Online for a while after the last ping. */
const ONLINE_MS = 30_000;

/** One boot of an instance, from the moment its agent is up until the instance goes down. */
interface Boot {
  readonly environment: NodeJS.ProcessEnv;
  isOver: boolean;
}

interface Agent {
  readonly instanceId: string;
  readonly sandbox: Sandbox;
  /** Milliseconds since the epoch; undefined until it has registered for the first time. */
  lastPing: number | undefined;
  boot: Boot | undefined;
  /** Ends what was planned for this boot. */
  cancel: () => void;
}

export interface AgentsOptions {
  readonly moto: MotoApi;
  readonly roles: Roles;
  readonly authorizer: Authorizer;
  readonly commands: Commands;
  readonly timers: Timers;
  readonly report: Report;
  readonly endpoint: string;
  readonly region: string;
  readonly agentMs: number;
  /** Each instance has its sandbox in here. */
  readonly folder: string;
  readonly awsProgram: string;
}

/** The SSM agents: what runs on the instances, each in its sandbox. */
export class Agents implements Guest {
  commandsAtCrash: CommandsAtCrash = 'failed';
  areMute = false;
  private readonly agents = new Map<string, Agent>();
  private readonly logs: AgentLogs;

  constructor(private readonly options: AgentsOptions) {
    this.logs = new AgentLogs(options.endpoint, options.region, options.timers, options.report);
  }

  /** The agents that have registered. */
  registered(): { instanceId: string; pingStatus: string; lastPing: number }[] {
    return [...this.agents.values()].flatMap(({ instanceId, lastPing }) =>
      lastPing === undefined
        ? []
        : [
            {
              instanceId,
              lastPing,
              pingStatus: Date.now() - lastPing < ONLINE_MS ? 'Online' : 'ConnectionLost',
            },
          ],
    );
  }

  up(instanceId: string): void {
    const agent = this.agentOf(instanceId);
    agent.cancel();
    agent.cancel = this.options.timers.after(this.options.agentMs, `the agent of ${instanceId}`, () =>
      this.register(agent),
    );
  }

  down(instanceId: string, crashed: boolean): void {
    const agent = this.agentOf(instanceId);
    agent.cancel();
    agent.cancel = () => undefined;
    if (agent.boot) agent.boot.isOver = true;
    agent.boot = undefined;
    agent.sandbox.killAll();
    const mode = crashed ? this.commandsAtCrash : 'failed';
    for (const invocation of this.options.commands.of(instanceId, 'InProgress')) {
      if (mode === 'failed') this.options.commands.change(invocation, 'Failed', 'Terminated');
    }
  }

  gone(instanceId: string): void {
    this.agents.get(instanceId)?.sandbox.remove();
    this.agents.delete(instanceId);
  }

  /** A new command: run at once if the agent is up, when it comes up if not; given up when it expires before. */
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

  sandboxOf(instanceId: string): Sandbox | undefined {
    return this.agents.get(instanceId)?.sandbox;
  }

  /** Kills everything on every instance. Synchronous. */
  killAll(): void {
    for (const { sandbox, boot, cancel } of this.agents.values()) {
      cancel();
      if (boot) boot.isOver = true;
      sandbox.killAll();
    }
  }

  private agentOf(instanceId: string): Agent {
    const known = this.agents.get(instanceId);
    if (known) return known;
    const sandbox = new Sandbox(join(this.options.folder, instanceId), this.options.awsProgram);
    const agent = {
      instanceId,
      sandbox,
      lastPing: undefined,
      boot: undefined,
      cancel: () => undefined,
    };
    this.agents.set(instanceId, agent);
    return agent;
  }

  private async register(agent: Agent): Promise<void> {
    if (this.areMute) return;
    const { instanceId, sandbox } = agent;
    let isCancelled = false;
    agent.cancel = () => {
      isCancelled = true;
    };
    await sandbox.prepare();
    const environment = await this.environmentOf(agent);
    // The instance may have gone down meanwhile.
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- changed by cancel, during the awaits
    if (isCancelled || environment === undefined) return;
    const boot: Boot = { environment, isOver: false };
    agent.boot = boot;
    agent.lastPing = Date.now();
    agent.cancel = this.options.timers.every(PING_MS, 'a ping', () => (agent.lastPing = Date.now()));
    const text = `the SSM agent of ${instanceId} is online`;
    this.options.report({ kind: 'agent', instanceId, pingStatus: 'Online', text });
    const { commands } = this.options;
    const resubmitted = commands.of(instanceId, 'InProgress').filter((invocation) => {
      const isDue = this.commandsAtCrash === 'resubmitted' && !invocation.wasResubmitted;
      invocation.wasResubmitted ||= isDue;
      return isDue;
    });
    for (const invocation of [...resubmitted, ...commands.of(instanceId, 'Pending')]) {
      this.begin(agent, boot, invocation);
    }
  }

  /** Undefined, and a warning, for an instance whose agent could not sign its calls, or may not make them. */
  private async environmentOf({ instanceId, sandbox }: Agent): Promise<NodeJS.ProcessEnv | undefined> {
    const { moto, roles, report, region, endpoint } = this.options;
    const xml = await moto.query('ec2', {
      Action: 'DescribeInstances',
      Version: '2016-11-15',
      'InstanceId.1': instanceId,
    });
    const profileArn = instancesIn(xml).at(0)?.profileArn;
    if (profileArn === undefined) {
      report({ kind: 'warning', text: `${instanceId} has no instance profile: its agent cannot register` });
      return undefined;
    }
    const roleArn = await roles.ofInstanceProfile(profileArn);
    const credentials = await roles.assume(roleArn, instanceId);
    if (!(await this.mayRegister(roleArn, instanceId))) {
      report({
        kind: 'warning',
        text: `the agent of ${instanceId} cannot register: its role does not permit it`,
      });
      return undefined;
    }
    return sandbox.environment({
      LAMPLIGHTER_BOOT_ID: randomUUID(),
      LAMPLIGHTER_BOOTED_AT: new Date().toISOString(),
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ENDPOINT_URL: endpoint,
      AWS_EC2_METADATA_DISABLED: 'true',
      ...credentials,
    });
  }

  /** What an agent calls before it can be sent a command; commands and answers then travel in the channel. */
  private async mayRegister(roleArn: string, instanceId: string): Promise<boolean> {
    const { authorizer, region } = this.options;
    const session = { kind: 'role', roleArn, sessionName: instanceId, assumedBy: 'service' } as const;
    const instance = arnOf('ec2', region, `instance/${instanceId}`);
    const calls = [
      { action: 'ssm:UpdateInstanceInformation', resource: instance, instanceId },
      { action: 'ssmmessages:CreateControlChannel', resource: '*' },
      { action: 'ssmmessages:OpenControlChannel', resource: '*' },
    ];
    for (const call of calls) {
      if (!(await authorizer.permits(session, { ...call, context: {} }))) return false;
    }
    return true;
  }

  private begin(agent: Agent, boot: Boot, invocation: CommandInvocation): void {
    this.options.timers.background(`the command ${invocation.command.id}`, () =>
      this.run(agent, boot, invocation),
    );
  }

  private async run(agent: Agent, boot: Boot, invocation: CommandInvocation): Promise<void> {
    const { commands, report } = this.options;
    const { command, instanceId } = invocation;
    commands.change(invocation, 'InProgress');
    invocation.results = [];
    let skip = false;
    let worst: 'Success' | 'Failed' | 'TimedOut' = 'Success';
    for (const step of command.document.steps) {
      if (skip && !step.isFinal) continue;
      const toLog = await this.logs.open(invocation, step.name, boot.environment);
      const result = await runStep({
        folder: join(agent.sandbox.steps, command.id, step.name),
        step,
        sandbox: agent.sandbox,
        environment: boot.environment,
        isOff: () => boot.isOver || hasEnded(invocation.status),
        onLine: (stream, text) => {
          report({ kind: 'output', commandId: command.id, instanceId, stream, text });
          toLog?.(stream, text);
        },
        onStart: (kill) => {
          invocation.kill = kill;
        },
      });
      // An agent that died with its instance, or a command that was cancelled, has nothing more to say.
      if (boot.isOver || hasEnded(invocation.status)) return;
      invocation.results.push(result);
      if (result.status === 'Success') continue;
      if (step.onFailure === 'successAndExit') skip = true;
      else {
        worst = result.status === 'TimedOut' ? 'TimedOut' : 'Failed';
        skip ||= step.onFailure === 'exit';
      }
    }
    commands.change(invocation, worst, worst === 'TimedOut' ? 'ExecutionTimedOut' : worst);
  }
}

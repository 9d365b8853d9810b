import { randomUUID } from 'node:crypto';
import { AwsError } from '../wire/answer';
import { instanceArn } from '../wire/arn';
import type { CommandStatus, Publish, Report } from '../clockwork/events';
import type { StepResult } from '../machine/port';
import type { RunnableDocument } from './document';

/** A command on one instance. */
export interface CommandInvocation {
  readonly command: Command;
  readonly instanceId: string;
  status: CommandStatus;
  statusDetails: string;
  results: StepResult[];
  startedAt: number | undefined;
  endedAt: number | undefined;
  wasResubmitted: boolean;
  /** Kills the running step, and nothing else. */
  kill: () => void;
}

export interface Command {
  readonly id: string;
  readonly document: RunnableDocument;
  readonly comment: string;
  readonly parameters: Readonly<Record<string, readonly string[]>>;
  readonly requestedAt: number;
  /** Seconds until a command that was not delivered times out. */
  readonly timeoutSeconds: number;
  /** The log group that the agent sends the output to. */
  readonly logGroup: string | undefined;
  readonly invocations: CommandInvocation[];
}

/** Every command that was sent. Publishes and reports each change of state. */
export class Commands {
  private readonly commands = new Map<string, Command>();

  constructor(
    private readonly publish: Publish,
    private readonly report: Report,
    private readonly region: string,
  ) {}

  create(
    request: Pick<Command, 'document' | 'comment' | 'parameters' | 'timeoutSeconds' | 'logGroup'>,
    instanceIds: readonly string[],
  ): Command {
    const command: Command = { id: randomUUID(), requestedAt: Date.now(), invocations: [], ...request };
    for (const instanceId of instanceIds) {
      command.invocations.push({
        command,
        instanceId,
        status: 'Pending',
        statusDetails: 'Pending',
        results: [],
        startedAt: undefined,
        endedAt: undefined,
        wasResubmitted: false,
        kill: () => undefined,
      });
    }
    this.commands.set(command.id, command);
    for (const invocation of command.invocations) this.reportStatus(invocation);
    return command;
  }

  /** Newest first, as Systems Manager lists them. */
  all(): Command[] {
    return [...this.commands.values()].reverse();
  }

  /** Throws AwsError when there is no such command. */
  get(commandId: string): Command {
    const command = this.commands.get(commandId);
    if (!command) throw new AwsError(400, 'InvalidCommandId', `There is no command ${commandId}.`);
    return command;
  }

  of(instanceId: string, status: CommandStatus): CommandInvocation[] {
    return [...this.commands.values()]
      .flatMap(({ invocations }) => invocations)
      .filter((invocation) => invocation.instanceId === instanceId && invocation.status === status);
  }

  /** Called when an invocation begins, or begins again. */
  begin(invocation: CommandInvocation): void {
    this.change(invocation, 'InProgress');
    invocation.results = [];
  }

  /** Marks the instance's invocations in progress as resubmitted. Returns those that were not marked yet. */
  resubmit(instanceId: string): CommandInvocation[] {
    const due = this.of(instanceId, 'InProgress').filter(({ wasResubmitted }) => !wasResubmitted);
    for (const invocation of due) invocation.wasResubmitted = true;
    return due;
  }

  /** Changes an invocation's state. An invocation that has ended stays unchanged. */
  change(invocation: CommandInvocation, status: CommandStatus, statusDetails: string = status): void {
    if (hasEnded(invocation.status)) return;
    const before = statusOf(invocation.command);
    invocation.status = status;
    invocation.statusDetails = statusDetails;
    if (status === 'InProgress') invocation.startedAt ??= Date.now();
    if (hasEnded(status)) invocation.endedAt = Date.now();
    this.reportStatus(invocation);
    const { command, instanceId } = invocation;
    this.publishChange(command, 'EC2 Command Invocation Status-change Notification', [instanceId], {
      'instance-id': instanceId,
      status,
    });
    const after = statusOf(command);
    if (after === before) return;
    const instanceIds = command.invocations.map((each) => each.instanceId);
    this.publishChange(command, 'EC2 Command Status-change Notification', instanceIds, { status: after });
  }

  private reportStatus({ command, instanceId, status, statusDetails }: CommandInvocation): void {
    const documentName = command.document.name;
    const text = `command ${documentName} on ${instanceId}: ${statusDetails}`;
    this.report({ kind: 'command', commandId: command.id, instanceId, documentName, status, text });
  }

  /** https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html */
  private publishChange(command: Command, detailType: string, instanceIds: string[], own: object): void {
    this.publish({
      source: 'aws.ssm',
      detailType,
      resources: instanceIds.map((id) => instanceArn(this.region, id)),
      detail: {
        'command-id': command.id,
        'document-name': command.document.name,
        'expire-after': new Date(expiryOf(command)).toISOString(),
        parameters: command.parameters,
        'requested-date-time': new Date(command.requestedAt).toISOString(),
        ...own,
      },
    });
  }
}

export function hasEnded(status: CommandStatus): boolean {
  return status !== 'Pending' && status !== 'InProgress';
}

/** The time when an undelivered command times out, in milliseconds since the epoch. */
export function expiryOf({ requestedAt, timeoutSeconds }: Command): number {
  return requestedAt + timeoutSeconds * 1000;
}

/** The command's state over all its instances. */
export function statusOf({ invocations }: Command): CommandStatus {
  const statuses = invocations.map(({ status }) => status);
  if (statuses.every((status) => status === 'Pending')) return 'Pending';
  if (statuses.some((status) => !hasEnded(status))) return 'InProgress';
  return (['Failed', 'TimedOut', 'Cancelled'] as const).find((bad) => statuses.includes(bad)) ?? 'Success';
}

import type { Agents } from './agents';
import { type Answer, AwsError, jsonAnswer } from '../wire/answer';
import { type Call, operationOf } from '../wire/call';
import type { Command, CommandInvocation, Commands } from './commands';
import { expiryOf, hasEnded, statusOf } from './commands';
import type { StepResult } from '../machine/port';
import type { MotoApi } from '../moto/moto-api';
import { ACCOUNT_ID } from '../wire/arn';
import { readDocument } from './document';

/** The parameters of all operations answered here. Each operation accepts some of them. */
interface Request {
  readonly DocumentName?: string;
  readonly DocumentVersion?: string;
  readonly InstanceIds?: string[];
  readonly Targets?: { Key: string; Values: string[] }[];
  readonly Parameters?: Record<string, string[]>;
  readonly Comment?: string;
  readonly TimeoutSeconds?: number;
  readonly CloudWatchOutputConfig?: { CloudWatchLogGroupName?: string; CloudWatchOutputEnabled?: boolean };
  readonly CommandId?: string;
  readonly InstanceId?: string;
  readonly PluginName?: string;
  readonly Details?: boolean;
  readonly Filters?: ({ Key: string; Values: string[] } | { key: string; value: string })[];
  readonly InstanceInformationFilterList?: { key: string; valueSet: string[] }[];
}

/** Systems Manager's API. moto keeps documents and parameters; agents and commands are ours. */
export class SsmApi {
  constructor(
    private readonly moto: MotoApi,
    private readonly agents: Agents,
    private readonly commands: Commands,
    private readonly isRunning: (instanceId: string) => boolean,
  ) {}

  async answer(call: Call): Promise<Answer> {
    const operations: Record<string, (request: Request) => object | Promise<object>> = {
      DescribeInstanceInformation: (request) => this.describeInstances(request),
      SendCommand: (request) => this.send(request),
      ListCommands: (request) => ({ Commands: this.selected(request).map(commandFacts) }),
      ListCommandInvocations: (request) => this.listInvocations(request),
      GetCommandInvocation: (request) => this.getInvocation(request),
      CancelCommand: (request) => this.cancel(request),
    };
    const operation = operations[operationOf(call) ?? ''];
    if (!operation) return this.moto.forward(call);
    return jsonAnswer(await operation(JSON.parse(call.body.toString() || '{}') as Request));
  }

  private describeInstances({ Filters = [], InstanceInformationFilterList = [] }: Request): object {
    const filters = [
      ...Filters.map((filter) => ('Key' in filter ? filter : { Key: filter.key, Values: [filter.value] })),
      ...InstanceInformationFilterList.map(({ key, valueSet }) => ({ Key: key, Values: valueSet })),
    ];
    const agents = this.agents.registered().filter((agent) =>
      filters.every(({ Key, Values }) => {
        if (Key === 'InstanceIds') return Values.includes(agent.instanceId);
        if (Key === 'PingStatus') return Values.includes(agent.pingStatus);
        throw new AwsError(400, 'InvalidFilterKey', `The local cloud does not support the filter ${Key}.`);
      }),
    );
    return {
      InstanceInformationList: agents.map(({ instanceId, pingStatus, lastPing }) => ({
        InstanceId: instanceId,
        PingStatus: pingStatus,
        LastPingDateTime: lastPing / 1000,
        AgentVersion: '3.3.0.0',
        IsLatestVersion: true,
        PlatformType: 'Linux',
        PlatformName: 'Amazon Linux',
        PlatformVersion: '2023',
        ResourceType: 'EC2Instance',
      })),
    };
  }

  private async send(request: Request): Promise<object> {
    const instanceIds = instancesOf(request);
    const registered = this.agents.registered().map(({ instanceId }) => instanceId);
    const invalid = instanceIds.filter((id) => !registered.includes(id) || !this.isRunning(id));
    if (invalid.length > 0) {
      const text = `Instances [[${invalid.join(', ')}]] not in a valid state for account ${ACCOUNT_ID}`;
      throw new AwsError(400, 'InvalidInstanceId', text);
    }
    const { Parameters: parameters = {}, Comment = '', TimeoutSeconds = 3600 } = request;
    // A document's ARN ends in its name.
    const name = (request.DocumentName ?? '').split('/').at(-1) ?? '';
    const document = await readDocument(this.moto, name, request.DocumentVersion ?? '$DEFAULT', parameters);
    if (Comment.length > 100) throw validation('Comment', 'at most 100 characters');
    if (TimeoutSeconds < 30 || TimeoutSeconds > 2_592_000)
      throw validation('TimeoutSeconds', '30 to 2592000');
    const options = { comment: Comment, timeoutSeconds: TimeoutSeconds, logGroup: logGroupOf(request, name) };
    const command = this.commands.create({ document, parameters, ...options }, instanceIds);
    const answer = { Command: commandFacts(command) };
    for (const invocation of command.invocations) this.agents.deliver(invocation);
    return answer;
  }

  private listInvocations(request: Request): object {
    const invocations = this.selected(request).flatMap((command) =>
      command.invocations.filter(
        ({ instanceId }) => request.InstanceId === undefined || request.InstanceId === instanceId,
      ),
    );
    return {
      CommandInvocations: invocations.map((invocation) => ({
        ...invocationFacts(invocation),
        ...(request.Details === true && { CommandPlugins: invocation.results.map(pluginFacts) }),
      })),
    };
  }

  private selected({ CommandId, InstanceId, Filters = [] }: Request): Command[] {
    const commands = CommandId === undefined ? this.commands.all() : [this.commands.get(CommandId)];
    return commands.filter(
      (command) =>
        (InstanceId === undefined || command.invocations.some((each) => each.instanceId === InstanceId)) &&
        Filters.every((filter) => 'key' in filter && passes(command, filter.key, filter.value)),
    );
  }

  private getInvocation({ CommandId = '', InstanceId = '', PluginName }: Request): object {
    const command = this.commands.all().find(({ id }) => id === CommandId);
    const invocation = command?.invocations.find(({ instanceId }) => instanceId === InstanceId);
    if (!invocation) {
      throw new AwsError(400, 'InvocationDoesNotExist', `${CommandId} was not sent to ${InstanceId}.`);
    }
    const { results, startedAt, endedAt } = invocation;
    const result =
      PluginName === undefined
        ? (results.find(({ status }) => status !== 'Success') ?? results.at(-1))
        : results.find(({ name }) => name === PluginName);
    return {
      ...invocationFacts(invocation),
      PluginName: result?.name ?? PluginName ?? '',
      ResponseCode: result?.responseCode ?? -1,
      Status: PluginName === undefined ? invocation.status : (result?.status ?? invocation.status),
      StandardOutputContent: result?.stdout ?? '',
      StandardErrorContent: result?.stderr ?? '',
      ExecutionStartDateTime: startedAt === undefined ? '' : new Date(startedAt).toISOString(),
      ExecutionEndDateTime: endedAt === undefined ? '' : new Date(endedAt).toISOString(),
      ExecutionElapsedTime:
        startedAt === undefined ? '' : `PT${((endedAt ?? Date.now()) - startedAt) / 1000}S`,
    };
  }

  private cancel({ CommandId = '', InstanceIds = [] }: Request): object {
    for (const invocation of this.commands.get(CommandId).invocations) {
      if (InstanceIds.length > 0 && !InstanceIds.includes(invocation.instanceId)) continue;
      this.commands.change(invocation, 'Cancelled');
      invocation.kill();
    }
    return {};
  }
}

/** The log group of the request, or Systems Manager's default name. Undefined if output is not sent to CloudWatch Logs. */
function logGroupOf({ CloudWatchOutputConfig }: Request, documentName: string): string | undefined {
  if (CloudWatchOutputConfig?.CloudWatchOutputEnabled !== true) return undefined;
  return CloudWatchOutputConfig.CloudWatchLogGroupName ?? `/aws/ssm/${documentName}`;
}

function instancesOf({ InstanceIds = [], Targets = [] }: Request): string[] {
  const unknown = Targets.find(({ Key }) => Key.toLowerCase() !== 'instanceids');
  if (unknown) {
    throw new AwsError(501, 'NotImplemented', `The local cloud cannot send commands by ${unknown.Key}.`);
  }
  const instanceIds = [...InstanceIds, ...Targets.flatMap(({ Values }) => Values)];
  if (instanceIds.length === 0) throw validation('InstanceIds', 'at least one');
  return [...new Set(instanceIds)];
}

function passes(command: Command, key: string, value: string): boolean {
  switch (key) {
    case 'Status':
      return statusOf(command) === value;
    case 'DocumentName':
      return command.document.name === value;
    case 'InvokedAfter':
      return command.requestedAt >= Date.parse(value);
    case 'InvokedBefore':
      return command.requestedAt < Date.parse(value);
    default:
      throw new AwsError(400, 'InvalidFilterKey', `The local cloud does not support the filter ${key}.`);
  }
}

function commandFacts(command: Command): object {
  const status = statusOf(command);
  const [only] = command.invocations;
  const ended = command.invocations.filter((invocation) => hasEnded(invocation.status));
  return {
    CommandId: command.id,
    DocumentName: command.document.name,
    DocumentVersion: command.document.version,
    Comment: command.comment,
    Parameters: command.parameters,
    InstanceIds: command.invocations.map(({ instanceId }) => instanceId),
    Targets: [],
    RequestedDateTime: command.requestedAt / 1000,
    ExpiresAfter: expiryOf(command) / 1000,
    Status: status,
    StatusDetails: command.invocations.length === 1 ? only?.statusDetails : status,
    TimeoutSeconds: command.timeoutSeconds,
    TargetCount: command.invocations.length,
    CompletedCount: ended.length,
    ErrorCount: ended.filter((invocation) => invocation.status !== 'Success').length,
    DeliveryTimedOutCount: ended.filter((invocation) => invocation.statusDetails === 'DeliveryTimedOut')
      .length,
    MaxConcurrency: '50',
    MaxErrors: '0',
  };
}

function invocationFacts({ command, instanceId, status, statusDetails }: CommandInvocation): object {
  return {
    CommandId: command.id,
    InstanceId: instanceId,
    DocumentName: command.document.name,
    DocumentVersion: command.document.version,
    Comment: command.comment,
    RequestedDateTime: command.requestedAt / 1000,
    Status: status,
    StatusDetails: statusDetails,
  };
}

function pluginFacts(result: StepResult): object {
  return {
    Name: result.name,
    Status: result.status,
    StatusDetails: result.statusDetails,
    ResponseCode: result.responseCode,
    ResponseStartDateTime: result.startedAt / 1000,
    ResponseFinishDateTime: result.endedAt / 1000,
    // The list has less output than GetCommandInvocation.
    Output: result.stdout.slice(0, 2500),
  };
}

function validation(field: string, allowed: string): AwsError {
  return new AwsError(400, 'ValidationException', `${field} is not valid; allowed: ${allowed}.`);
}

import type { EC2Client } from '@aws-sdk/client-ec2';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { SSMClient } from '@aws-sdk/client-ssm';
import type { Clock } from '../../lifecycle/clock';
import { Worker } from '../../lifecycle/context';
import { Instance } from '../../lifecycle/instance';
import { jobIdOf, openKey, receiptKey } from '../../lifecycle/job';
import type { Log } from '../../lifecycle/log';
import type { DeployedModel } from '../../lifecycle/model';
import type { Gate, OpenRecord } from '../../lifecycle/records';
import type { SettleContext } from '../../lifecycle/settle-context';
import { Store } from '../../lifecycle/store';
import { FakeS3 } from './fake-s3';

/** A clock that advances only by `sleep`. */
export class TestClock implements Clock {
  constructor(private time = Date.parse('2026-01-01T00:00:00.000Z')) {}
  now = () => this.time;
  sleep = (milliseconds: number) => {
    this.time += milliseconds;
    return Promise.resolve();
  };
}

/** A log that keeps its lines. */
export class TestLog implements Log {
  readonly lines: { level: string; fact: string; details: Record<string, unknown> }[] = [];
  info = this.at('info');
  warn = this.at('warn');
  error = this.at('error');
  private at(level: string) {
    return (fact: string, details: Record<string, unknown> = {}) =>
      void this.lines.push({ level, fact, details });
  }
}

interface FakeCommand {
  readonly CommandId: string;
  Status: string;
  readonly InstanceIds?: string[];
  readonly RequestedDateTime?: Date;
  /** @default the drain's document */
  readonly DocumentName?: string;
}

type Send = (name: string, input: Record<string, unknown>) => object;

/** An SDK client whose every command ends in `send`. */
function clientOf(send: Send, tries = () => 1): { send: (command: object) => Promise<object> } {
  return {
    send: (command) =>
      new Promise((resolve) => {
        const { input } = command as { input: Record<string, unknown> };
        const answer = send(command.constructor.name.replace(/Command$/, ''), input);
        resolve({ $metadata: { attempts: tries() }, ...answer });
      }),
  };
}

/** The accounts of the current test. */
const accounts = new Set<FakeAccount>();

afterEach(() => {
  const pending = [...accounts].flatMap(({ failures }) =>
    [...failures].filter(([, errors]) => errors.length > 0).map(([command]) => command),
  );
  accounts.clear();
  if (pending.length > 0) throw new Error(`These failures were never thrown: ${pending.join(', ')}`);
});

/** One EC2 instance, its SSM agent and the worker function, in memory, with FakeS3 as S3. */
export class FakeAccount {
  readonly clock = new TestClock();
  readonly log = new TestLog();
  readonly s3 = new FakeS3(this.clock);
  readonly calls: string[] = [];

  state = 'stopped';
  launchTime = new Date(this.clock.now());
  stateTransitionReason = '';
  stateReason: { readonly Code: string; readonly Message: string } | undefined;
  /** EC2 has interrupted the spot instance. Only EC2 can start it. */
  isInterrupted = false;
  readonly tags = new Map<string, string>();
  lastPing: Date | undefined;
  commands: FakeCommand[] = [];
  /** The payloads of the asynchronous invocations. The fake runs no function: a test calls the handler. */
  readonly invocations: string[] = [];
  private commandsSent = 0;
  /** The tries that the SDK needs for each call to EC2. */
  tries = 1;
  /** The errors to throw, by command name, in this order. An error that is never thrown fails its test. */
  readonly failures = new Map<string, Error[]>();
  /** Called when a command arrives, by command name. */
  readonly meanwhile = new Map<string, () => void>();

  readonly ec2 = clientOf(
    (name, input) => this.answer(name, () => this.ec2Answer(name, input)),
    () => this.tries,
  );
  readonly ssm = clientOf((name, input) => this.answer(name, () => this.ssmAnswer(name, input)));
  readonly lambda = clientOf((name, input) => this.answer(name, () => this.lambdaAnswer(name, input)));

  readonly instance = new Instance(this.ec2 as unknown as EC2Client, 'i-1');
  readonly control = new Store(this.s3.client, 'control');
  readonly models: DeployedModel[] = [
    {
      name: 'm',
      digest: 'd'.repeat(64),
      zipKey: 'models/m/model.zip',
      zipVersionId: 'v1',
      prefix: '',
      suffixes: ['.csv'],
    },
  ];

  /** The context of the stop function and the trigger. */
  readonly context: SettleContext = {
    pipeline: 'p',
    s3: this.s3.client,
    dataBucket: 'data',
    control: this.control,
    output: new Store(this.s3.client, 'output'),
    models: this.models,
    instance: this.instance,
    worker: new Worker(this.lambda as unknown as LambdaClient, 'p-worker'),
    clock: this.clock,
    log: this.log,
    by: 'test',
    timeLimitSeconds: 120,
    breakerWakeUps: 3,
    lingerSeconds: 0,
  };

  constructor() {
    accounts.add(this);
  }

  get dispatchContext() {
    return {
      ssm: this.ssm as unknown as SSMClient,
      instance: this.instance,
      document: 'p-drain',
      drainLogGroup: '/lamplighter/p/drain',
      clock: this.clock,
      log: this.log,
      agentTimeoutMs: 270_000,
    };
  }

  count(name: string): number {
    return this.calls.filter((call) => call === name).length;
  }

  /** An open job for an upload of this key. */
  openJob(key: string): OpenRecord {
    const { versionId } = this.s3.put('data', key, 'x');
    const input = { bucket: 'data', key, versionId, sizeBytes: 1 };
    const { prefix: _prefix, suffixes: _suffixes, ...model } = this.models[0]!;
    const record: OpenRecord = {
      version: 1,
      jobId: jobIdOf(input),
      input,
      model,
      admittedAt: new Date(this.clock.now()).toISOString(),
      admittedBy: 'event',
      nonce: 'n',
    };
    this.s3.put('control', openKey(record.jobId), JSON.stringify(record));
    return record;
  }

  writeReceipt({ jobId, input }: OpenRecord): void {
    this.s3.put('output', receiptKey(input.key, jobId), '{}');
  }

  setGate(state: Gate['state'], ageSeconds = 0): void {
    const since = new Date(this.clock.now() - ageSeconds * 1000).toISOString();
    this.s3.put(
      'control',
      'gate.json',
      JSON.stringify({ version: 1, state, since, by: 'someone', nonce: 'n' }),
    );
  }

  gate(): Gate | undefined {
    const text = this.s3.text('control', 'gate.json');
    return text === undefined ? undefined : (JSON.parse(text) as Gate);
  }

  private answer(name: string, answer: () => object): object {
    this.calls.push(name);
    this.meanwhile.get(name)?.();
    const failure = this.failures.get(name)?.shift();
    if (failure) throw failure;
    return answer();
  }

  private ec2Answer(name: string, input: Record<string, unknown>): object {
    switch (name) {
      case 'DescribeInstances':
        return {
          Reservations: [
            {
              Instances: [
                {
                  State: { Name: this.state },
                  LaunchTime: this.launchTime,
                  StateTransitionReason: this.stateTransitionReason,
                  StateReason: this.stateReason,
                  Tags: [...this.tags].map(([Key, Value]) => ({ Key, Value })),
                },
              ],
            },
          ],
        };
      case 'StartInstances':
        return this.start();
      case 'StopInstances':
        return this.stop();
      case 'CreateTags':
        for (const { Key, Value } of input.Tags as { Key: string; Value: string }[])
          this.tags.set(Key, Value);
        return {};
      case 'DeleteTags':
        for (const { Key } of input.Tags as { Key: string }[]) this.tags.delete(Key);
        return {};
      default:
        throw new Error(`FakeAccount: unknown ${name}`);
    }
  }

  private start(): object {
    if (this.isInterrupted) throw FakeS3.error('IncorrectSpotRequestState', 400);
    this.refuseIn('stopping', 'shutting-down', 'terminated');
    const PreviousState = { Name: this.state };
    if (this.state === 'stopped') {
      this.state = 'pending';
      this.launchTime = new Date(Math.floor(this.clock.now() / 1_000) * 1_000);
      this.stateTransitionReason = '';
      this.stateReason = undefined;
    }
    return { StartingInstances: [{ PreviousState, CurrentState: { Name: this.state } }] };
  }

  private stop(): object {
    this.refuseIn('shutting-down', 'terminated');
    const PreviousState = { Name: this.state };
    if (this.state === 'running' || this.state === 'pending') {
      this.state = 'stopping';
      const time = new Date(this.clock.now()).toISOString().slice(0, 19).replace('T', ' ');
      this.stateTransitionReason = `User initiated (${time} GMT)`;
      const Code = 'Client.UserInitiatedShutdown';
      this.stateReason = { Code, Message: `${Code}: User initiated shutdown` };
    }
    return { StoppingInstances: [{ PreviousState, CurrentState: { Name: this.state } }] };
  }

  private refuseIn(...states: string[]): void {
    if (states.includes(this.state)) throw FakeS3.error('IncorrectInstanceState', 400);
  }

  private lambdaAnswer(name: string, input: Record<string, unknown>): object {
    if (name !== 'Invoke') throw new Error(`FakeAccount: unknown ${name}`);
    this.invocations.push(String(input.Payload));
    return { StatusCode: 202 };
  }

  private ssmAnswer(name: string, input: Record<string, unknown>): object {
    switch (name) {
      case 'DescribeInstanceInformation':
        return {
          InstanceInformationList: this.lastPing
            ? [{ LastPingDateTime: this.lastPing, PingStatus: 'Online' }]
            : [],
        };
      case 'ListCommands':
        return this.listCommands(input);
      case 'SendCommand':
        return this.sendCommand(input);
      default:
        throw new Error(`FakeAccount: unknown ${name}`);
    }
  }

  private listCommands(input: Record<string, unknown>): object {
    const { Filters = [], NextToken = '0', MaxResults = 50 } = input as ListCommandsInput;
    if (Filters.some(({ key }) => key !== 'DocumentName' && key !== 'InvokedAfter'))
      throw FakeS3.error('InvalidFilterKey', 400);
    const listed = this.commands.filter((command) => Filters.every((filter) => passes(command, filter)));
    const begin = Number(NextToken);
    const end = begin + MaxResults;
    return {
      Commands: listed.slice(begin, end).map((command) => ({ InstanceIds: ['i-1'], ...command })),
      ...(listed.length > end && { NextToken: String(end) }),
    };
  }

  private sendCommand({ DocumentName }: Record<string, unknown>): object {
    if (!this.lastPing) throw FakeS3.error('InvalidInstanceId', 400);
    this.commandsSent += 1;
    const CommandId = `c-${this.commandsSent}`;
    const RequestedDateTime = new Date(this.clock.now());
    this.commands.push({
      CommandId,
      Status: 'Pending',
      InstanceIds: ['i-1'],
      RequestedDateTime,
      DocumentName: String(DocumentName),
    });
    return { Command: { CommandId } };
  }
}

interface ListCommandsInput {
  readonly Filters?: readonly { key: string; value: string }[];
  readonly NextToken?: string;
  readonly MaxResults?: number;
}

function passes(
  { DocumentName = 'p-drain', RequestedDateTime }: FakeCommand,
  { key, value }: { key: string; value: string },
): boolean {
  if (key === 'DocumentName') return DocumentName === value;
  return RequestedDateTime === undefined || RequestedDateTime >= new Date(value);
}

import {
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  EC2Client,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { AddPermissionCommand, CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CancelCommandCommand,
  CreateDocumentCommand,
  DescribeInstanceInformationCommand,
  GetCommandInvocationCommand,
  ListCommandInvocationsCommand,
  ListCommandsCommand,
  SSMClient,
  SendCommandCommand,
} from '@aws-sdk/client-ssm';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '../../scripts/tools/process-groups';
import {
  NO_SWEEP,
  type CloudUnderTest,
  eventually,
  hasMoto,
  json,
  makeRole,
  query,
  startCloud,
  zipOf,
} from '../support/local-cloud';

const LISTENER = 'exports.handler = async (event) => console.log(JSON.stringify(event));';

(hasMoto() ? describe : describe.skip)('instances of the local cloud', () => {
  let cloud: CloudUnderTest;
  let ec2: EC2Client;
  let ssm: SSMClient;
  let id: string;

  beforeAll(async () => {
    cloud = await startCloud({ startMs: 400, stopMs: 3_000, ...NO_SWEEP });
    ec2 = new EC2Client(cloud.client);
    ssm = new SSMClient(cloud.client);
    await makeInstanceProfile();
    await makeListener();
    const run = await ec2.send(
      new RunInstancesCommand({
        ImageId: 'ami-12c6146b',
        MinCount: 1,
        MaxCount: 1,
        IamInstanceProfile: { Name: 'machine' },
      }),
    );
    expect(run.Instances![0]!.State).toEqual({ Code: 0, Name: 'pending' });
    id = run.Instances![0]!.InstanceId!;
  }, 60_000);

  afterAll(async () => {
    await cloud.end();
  });

  async function makeInstanceProfile() {
    await makeRole(cloud, 'machine-role', ['s3:GetObject']);
    await query(cloud, 'iam', {
      Action: 'AttachRolePolicy',
      Version: '2010-05-08',
      RoleName: 'machine-role',
      PolicyArn: 'arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore',
    });
    const version = { Version: '2010-05-08', InstanceProfileName: 'machine' };
    await query(cloud, 'iam', { Action: 'CreateInstanceProfile', ...version });
    await query(cloud, 'iam', {
      Action: 'AddRoleToInstanceProfile',
      RoleName: 'machine-role',
      ...version,
    });
  }

  /** A function that receives the events of stopped instances, of ended commands and of a schedule. */
  async function makeListener() {
    const lambda = new LambdaClient(cloud.client);
    const { FunctionArn } = await lambda.send(
      new CreateFunctionCommand({
        FunctionName: 'listener',
        Role: await makeRole(cloud, 'listener-role'),
        Runtime: 'nodejs22.x',
        Handler: 'index.handler',
        Timeout: 5,
        Code: { ZipFile: zipOf(LISTENER) },
      }),
    );
    const rules = {
      'is-stopped': { EventPattern: pattern('aws.ec2', { state: ['stopped'] }) },
      'has-ended': {
        EventPattern: pattern('aws.ssm', {
          'document-name': ['sandbox-test'],
          status: ['Success', 'Failed', 'TimedOut', 'Cancelled'],
        }),
      },
      sweep: { ScheduleExpression: 'rate(5 minutes)' },
      disabled: { ScheduleExpression: 'rate(1 minute)', State: 'DISABLED' },
    };
    for (const [Name, rule] of Object.entries(rules)) {
      const { RuleArn } = await json<{ RuleArn: string }>(cloud, 'events', 'AWSEvents.PutRule', {
        Name,
        ...rule,
      });
      const Targets = [{ Id: 'listener', Arn: FunctionArn }];
      await json(cloud, 'events', 'AWSEvents.PutTargets', { Rule: Name, Targets });
      await lambda.send(
        new AddPermissionCommand({
          FunctionName: 'listener',
          StatementId: Name,
          Action: 'lambda:InvokeFunction',
          Principal: 'events.amazonaws.com',
          SourceArn: RuleArn,
        }),
      );
    }
  }

  const pattern = (source: string, detail: object) => JSON.stringify({ source: [source], detail });

  interface ReceivedEvent {
    readonly 'detail-type': string;
    readonly detail: Record<string, unknown>;
  }

  const received = (detailType: string) =>
    cloud.events
      .flatMap((event) => (event.kind === 'log' ? [JSON.parse(event.text) as ReceivedEvent] : []))
      .filter((event) => event['detail-type'] === detailType);

  const instance = async () => {
    const answer = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
    return answer.Reservations![0]!.Instances![0]!;
  };
  const untilState = (state: string) =>
    eventually(`state ${state}`, async () => ((await instance()).State?.Name === state ? true : undefined));
  const start = () => ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
  const stop = () => ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));

  const agent = async () => {
    const answer = await ssm.send(
      new DescribeInstanceInformationCommand({ Filters: [{ Key: 'InstanceIds', Values: [id] }] }),
    );
    return answer.InstanceInformationList?.[0];
  };
  /** Online since the last launch: the worker's own test. */
  const untilOnline = () =>
    eventually('the agent', async () => {
      const launch = (await instance()).LaunchTime!.getTime();
      const ping = (await agent())?.LastPingDateTime?.getTime() ?? 0;
      const registrations = cloud.events.filter((event) => event.kind === 'agent').length;
      const started = cloud.events.filter((e) => e.kind === 'instance' && e.state === 'running').length;
      return ping > launch && registrations === started ? true : undefined;
    });

  let documents = 0;
  /** Sends a command with a new document of these steps. Returns the command's id. */
  async function send(steps: Record<string, string | object>, name?: string) {
    documents += 1;
    const Name = name ?? `sandbox-test-${documents}`;
    const mainSteps = Object.entries(steps).map(([step, script]) => ({
      action: 'aws:runShellScript',
      name: step,
      ...(typeof script === 'string' ? { inputs: { runCommand: script.split('\n') } } : script),
    }));
    const Content = JSON.stringify({ schemaVersion: '2.2', description: 'a test', mainSteps });
    await ssm.send(new CreateDocumentCommand({ Name, Content, DocumentType: 'Command' }));
    const { Command } = await ssm.send(new SendCommandCommand({ DocumentName: Name, InstanceIds: [id] }));
    return Command!.CommandId!;
  }
  const invocation = (CommandId: string, PluginName?: string) =>
    ssm.send(new GetCommandInvocationCommand({ CommandId, InstanceId: id, PluginName }));
  const untilEnded = (commandId: string) =>
    eventually('the command’s end', async () => {
      const answer = await invocation(commandId);
      return ['Pending', 'InProgress'].includes(answer.Status!) ? undefined : answer;
    });
  const sandboxFile = (name: string) => join(cloud.directory, 'instances', id, name);
  const pidIn = (name: string) =>
    eventually(`a pid in ${name}`, () => {
      const text = existsSync(sandboxFile(name)) ? readFileSync(sandboxFile(name), 'utf8') : '';
      return text.endsWith('\n') ? Number(text) : undefined;
    });

  test('an instance is pending, then running; a stop takes time, and a start before its end is refused', async () => {
    await untilState('running');
    const states = cloud.events.flatMap((event) => (event.kind === 'instance' ? [event.state] : []));
    expect(states).toEqual(['pending', 'running']);
    expect((await start()).StartingInstances![0]).toMatchObject({
      PreviousState: { Name: 'running' },
      CurrentState: { Name: 'running' },
    });
    const launched = (await instance()).LaunchTime!;
    await untilOnline();
    expect((await stop()).StoppingInstances![0]).toMatchObject({
      PreviousState: { Name: 'running' },
      CurrentState: { Code: 64, Name: 'stopping' },
    });
    await expect(start()).rejects.toMatchObject({ name: 'IncorrectInstanceState' });
    await untilState('stopped');
    const byUser = { Code: 'Client.UserInitiatedShutdown' };
    expect(await instance()).toMatchObject({ StateReason: byUser, LaunchTime: launched });
    expect((await stop()).StoppingInstances![0]!.CurrentState!.Name).toBe('stopped');
    await eventually('the event', () => received('EC2 Instance State-change Notification')[0]);
    expect(received('EC2 Instance State-change Notification').map(({ detail }) => detail)).toEqual([
      { 'instance-id': id, state: 'stopped' },
    ]);
    expect((await start()).StartingInstances![0]).toMatchObject({
      PreviousState: { Name: 'stopped' },
      CurrentState: { Name: 'pending' },
    });
    const again = await instance();
    expect(again.LaunchTime!.getTime()).toBeGreaterThan(launched.getTime());
    expect(again.StateReason).toBeUndefined();
    expect([cloud.faults.startCalls, cloud.faults.stopCalls]).toEqual([1, 1]);
    await expect(
      ec2.send(new StartInstancesCommand({ InstanceIds: ['i-0123456789abcdef0'] })),
    ).rejects.toMatchObject({ name: 'InvalidInstanceID.NotFound' });
  });

  test('filters and statuses use the local cloud’s states, not moto’s', async () => {
    await untilState('running');
    const found = async (state: string) => {
      const Filters = [{ Name: 'instance-state-name', Values: [state] }];
      return (await ec2.send(new DescribeInstancesCommand({ Filters }))).Reservations!.length;
    };
    expect(await found('running')).toBe(1);
    expect(await found('pending')).toBe(0);
    const status = await ec2.send(new DescribeInstanceStatusCommand({ InstanceIds: [id] }));
    expect(status.InstanceStatuses![0]!.InstanceState!.Name).toBe('running');
  });

  test('a command runs its steps in the sandbox with the role’s credentials, and its end is an event', async () => {
    await untilOnline();
    expect((await agent())!.PingStatus).toBe('Online');
    const commandId = await send(
      {
        show: 'echo "$LAMPLIGHTER_ROOT|$AWS_ENDPOINT_URL|$AWS_ACCESS_KEY_ID|$LAMPLIGHTER_BOOT_ID"\npwd',
        launch: 'echo "$LAMPLIGHTER_INSTANCE_ID|$LAMPLIGHTER_LAUNCHED_AT"',
        talk: 'echo out; echo err >&2',
      },
      'sandbox-test',
    );
    expect(await untilEnded(commandId)).toMatchObject({ Status: 'Success', ResponseCode: 0 });
    const [environment, folder] = (await invocation(commandId, 'show')).StandardOutputContent!.split('\n');
    const [root, endpoint, key, bootId] = environment!.split('|');
    expect([root, endpoint, folder]).toEqual([
      sandboxFile('opt/lamplighter'),
      cloud.endpoint,
      sandboxFile('.'),
    ]);
    expect(key).not.toBe(cloud.credentials.accessKeyId);
    expect(bootId).toMatch(/^[0-9a-f-]{36}$/);
    const launch = (await instance()).LaunchTime!.toISOString();
    expect((await invocation(commandId, 'launch')).StandardOutputContent).toBe(`${id}|${launch}\n`);
    expect(await invocation(commandId, 'talk')).toMatchObject({
      StandardOutputContent: 'out\n',
      StandardErrorContent: 'err\n',
    });
    const ended = await eventually('the event', () => received('EC2 Command Status-change Notification')[0]);
    expect(ended.detail).toMatchObject({
      'command-id': commandId,
      'document-name': 'sandbox-test',
      status: 'Success',
    });
    const Filters = [{ key: 'DocumentName' as const, value: 'sandbox-test' }];
    const list = await ssm.send(new ListCommandsCommand({ InstanceId: id, Filters }));
    expect(list.Commands).toEqual([expect.objectContaining({ CommandId: commandId, Status: 'Success' })]);
    const invocations = await ssm.send(
      new ListCommandInvocationsCommand({ CommandId: commandId, Details: true }),
    );
    expect(invocations.CommandInvocations![0]!.CommandPlugins).toHaveLength(3);
  });

  test('the sandbox’s aws fetches objects, and names what it supports when it refuses a call', async () => {
    const s3 = new S3Client(cloud.client);
    await s3.send(new CreateBucketCommand({ Bucket: 'control-bucket' }));
    await s3.send(
      new PutObjectCommand({ Bucket: 'control-bucket', Key: 'runner/a b.mjs', Body: 'the runner' }),
    );
    const commandId = await send({
      fetch: 'aws s3api get-object --bucket control-bucket --key "runner/a b.mjs" got >&2 && cat got',
      other: 'aws ec2 describe-instances',
    });
    expect((await untilEnded(commandId)).Status).toBe('Failed');
    expect((await invocation(commandId, 'fetch')).StandardOutputContent).toBe('the runner');
    expect((await invocation(commandId, 'other')).StandardErrorContent).toMatch(
      /supports only: aws s3api get-object/,
    );
  });

  test('a failed step with onFailure exit is the last; a step has its timeout; a command can be cancelled', async () => {
    const failing = await send({
      first: { onFailure: 'exit', inputs: { runCommand: ['exit 7'] } },
      second: 'touch second-ran',
    });
    expect(await untilEnded(failing)).toMatchObject({ Status: 'Failed', ResponseCode: 7 });
    expect(existsSync(sandboxFile('second-ran'))).toBe(false);
    const slow = await send({ slow: { inputs: { runCommand: ['sleep 60'], timeoutSeconds: '1' } } });
    expect(await untilEnded(slow)).toMatchObject({ Status: 'TimedOut', StatusDetails: 'ExecutionTimedOut' });
    const endless = await send({ endless: 'echo $$ > endless.pid; sleep 60' });
    const pid = await pidIn('endless.pid');
    await ssm.send(new CancelCommandCommand({ CommandId: endless }));
    expect((await untilEnded(endless)).Status).toBe('Cancelled');
    await eventually('its end', () => (isAlive(pid) ? undefined : true));
  });

  test('a crash kills every process of the instance, even a daemon with its own session; the disk stays', async () => {
    const commandId = await send({
      work: [
        'echo kept > on-disk',
        // A daemon outside the process group and the session, with an empty environment.
        "setsid env -i bash -c 'echo $$ > daemon.pid; exec sleep 60' &",
        'echo $$ > work.pid',
        'sleep 60',
      ].join('\n'),
    });
    const pids = [await pidIn('daemon.pid'), await pidIn('work.pid')];
    cloud.faults.crashInstance(id);
    await eventually('their end', () => (pids.some(isAlive) ? undefined : true));
    expect((await instance()).State!.Name).toBe('stopped');
    expect((await invocation(commandId)).Status).toBe('Failed');
    // Nobody stopped it, so its death stays unexplained.
    expect((await instance()).StateReason).toBeUndefined();
    await expect(send({ none: 'true' })).rejects.toMatchObject({ name: 'InvalidInstanceId' });
    await start();
    await untilOnline();
    expect(readFileSync(sandboxFile('on-disk'), 'utf8')).toBe('kept\n');
  });

  test('an instance that shuts itself down says so, and has another launch afterwards', async () => {
    cloud.faults.shutDownFromInside(id);
    await untilState('stopped');
    expect((await instance()).StateReason).toMatchObject({ Code: 'Client.InstanceInitiatedShutdown' });
    await start();
    await untilOnline();
  });

  test('a command that ran during a crash can run again after the next boot, once', async () => {
    cloud.faults.commandsAtCrash = 'resubmitted';
    const commandId = await send({ again: 'echo run >> runs; [ $(wc -l < runs) -gt 1 ] || sleep 60' });
    const runs = () => (existsSync(sandboxFile('runs')) ? readFileSync(sandboxFile('runs'), 'utf8') : '');
    await eventually('the first run', () => runs() === 'run\n' || undefined);
    cloud.faults.crashInstance(id);
    expect((await invocation(commandId)).Status).toBe('InProgress');
    await start();
    expect((await untilEnded(commandId)).Status).toBe('Success');
    expect(readFileSync(sandboxFile('runs'), 'utf8')).toBe('run\nrun\n');
    cloud.faults.commandsAtCrash = 'failed';
  });

  test('a drain can be killed alone', async () => {
    const runner =
      'setInterval(() => {}, 1000); require("fs").writeFileSync("drain.pid", process.pid + "\\n");';
    const commandId = await send({
      drain: `mkdir -p runner; echo '${runner}' > runner/x.cjs; cp runner/x.cjs runner/x.mjs
sed -i 's/require("fs")/(await import("fs"))/' runner/x.mjs
flock -n -E 75 drain.lock node runner/x.mjs drain --config none; echo "ended with $?"`,
    });
    const pid = await pidIn('drain.pid');
    await untilOnline();
    expect(cloud.faults.killDrain(id)).toBe(true);
    await eventually('its end', () => (isAlive(pid) ? undefined : true));
    expect(await untilEnded(commandId)).toMatchObject({ StandardOutputContent: 'ended with 137\n' });
    expect(cloud.faults.killDrain(id)).toBe(false);
    expect((await instance()).State!.Name).toBe('running');
  });

  test('a sweep invokes the target of the enabled schedule, and not that of the disabled one', async () => {
    await cloud.faults.sweepNow();
    await eventually('the event', () => received('Scheduled Event')[0]);
    expect(received('Scheduled Event')).toHaveLength(1);
  });

  test('a terminated instance cannot start, and its disk is removed', async () => {
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    expect((await instance()).State!.Name).toBe('shutting-down');
    await untilState('terminated');
    await expect(start()).rejects.toMatchObject({ name: 'IncorrectInstanceState' });
    expect(existsSync(sandboxFile('.'))).toBe(false);
  });
});

import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LamplighterError } from '../lifecycle/errors';
import { Processes } from '../scripts/tools/process-groups';
import { Cleanup } from './clockwork/cleanup';
import type { CloudEvent, Publish, Report } from './clockwork/events';
import { Timers } from './clockwork/timers';
import type { Timings } from './clockwork/timings';
import { Ec2Api } from './ec2/api';
import { instanceProfileArn, instanceTags } from './ec2/described-instance';
import { Ec2Instances } from './ec2/instances';
import { missingWayOut } from './ec2/way-out';
import { EventBus } from './eventbridge/api';
import { Faults } from './faults';
import { Gateway, RUNTIME_PATH } from './gateway';
import { Authorizer } from './iam/authorize';
import { AttachedPolicies } from './iam/policies';
import { Decisions } from './iam/record';
import { mayInvoke } from './iam/resource-policy';
import { Roles } from './iam/roles';
import { LambdaApi } from './lambda/api';
import { FunctionCode } from './lambda/function-code';
import { bundleBootstrap } from './lambda/function-instance';
import { Functions } from './lambda/functions';
import { Invocations } from './lambda/invocations';
import { AgentLogs } from './logs/agent-logs';
import { FunctionLogs } from './logs/function-logs';
import type { MakeMachine } from './machine/port';
import { Sandbox, bundleAws, clearSandboxes } from './machine/sandbox';
import {
  SystemdMachine,
  type SystemdOptions,
  bundleSystemdPrograms,
  clearSystemdMachines,
} from './machine/systemd-machine';
import { startMoto } from './moto/moto';
import { warmUp } from './moto/warm-up';
import { findRunningCloud, forgetRunningCloud, noteRunningCloud } from './running';
import { S3Api } from './s3/api';
import { BucketPolicies } from './s3/bucket-policies';
import { Notifications } from './s3/notifications';
import { Agents } from './ssm/agents';
import { SsmApi } from './ssm/api';
import { Commands } from './ssm/commands';
import type { Call } from './wire/call';
import { type AssumeRole, Callers, type Permits } from './wire/caller';
import { noProxy } from './wire/client-environment';
import { Recorder } from './wire/recorder';

export interface LocalCloudOptions {
  /** The folder of everything that the local cloud keeps. Only one local cloud at a time may use it. */
  readonly directory: string;
  /** @default a free one */
  readonly port?: number;
  /** moto's executable, `moto_server`. */
  readonly motoServer: string;
  readonly region: string;
  readonly timings: Timings;
  /** Present: instances are containers with systemd. @default sandboxes */
  readonly systemd?: SystemdOptions | undefined;
  /** Whether machines get the disks of the last local cloud, with the models that are prepared there. @default false */
  readonly keepsModels?: boolean | undefined;
  readonly onEvent?: (event: CloudEvent) => void;
}

export interface LocalCloud {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly faults: Faults;
  readonly motoPid: number;
  /** What the operator has changed since the start. */
  readonly recorder: Recorder;
  /** Makes moto load its services, for a deployment that comes soon. */
  warmUp(): Promise<void>;
  /** Ends everything that the local cloud has started. A second call does nothing more. */
  stop(): Promise<void>;
}

/** Not secret: these credentials are only for a cloud on loopback. */
const OPERATOR = { accessKeyId: 'LAMPLIGHTERLOCAL', secretAccessKey: 'local' } as const;

/**
 * Starts a local cloud. Throws LamplighterError if the port is taken, moto does not start, or a local cloud already runs in
 * the folder. After an error nothing is left running.
 */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const directory = resolve(options.directory);
  const other = await findRunningCloud(directory);
  if (other) {
    throw new LamplighterError(
      `A local cloud is already running in ${directory} (process ${other.pid}, ${other.endpoint}). Stop it first.`,
    );
  }
  const disks = await clear(directory, options.keepsModels ?? false);
  const cleanup = new Cleanup();
  try {
    return await start({ ...options, directory, disks }, cleanup);
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

/** The environment with which Terraform, cdktf, the aws CLI and the SDKs use the local cloud. */
export function environmentFor(
  cloud: Pick<LocalCloud, 'endpoint' | 'region' | 'credentials'>,
): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: cloud.endpoint,
    AWS_ACCESS_KEY_ID: cloud.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: cloud.credentials.secretAccessKey,
    AWS_REGION: cloud.region,
    AWS_DEFAULT_REGION: cloud.region,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
    ...noProxy(),
  };
}

const instancesFolder = (directory: string) => join(directory, 'instances');
const functionsFolder = (directory: string) => join(directory, 'functions');
const programsFolder = (directory: string) => join(directory, 'programs');

/**
 * Removes the processes and files of an earlier local cloud. Without moto's state, which was in memory, its files are useless.
 * Returns the disks that stay.
 */
async function clear(directory: string, keepsModels: boolean): Promise<string[]> {
  await clearSystemdMachines(instancesFolder(directory));
  const disks = clearSandboxes(instancesFolder(directory), keepsModels);
  await rm(functionsFolder(directory), { recursive: true, force: true });
  await mkdir(programsFolder(directory), { recursive: true });
  return disks;
}

type StartOptions = LocalCloudOptions & { readonly disks: readonly string[] };

async function start(options: StartOptions, cleanup: Cleanup): Promise<LocalCloud> {
  const { directory, region } = options;
  const base = await openBase(options, cleanup);
  const { endpoint, timings, timers, faults, motoPid, moto, recorder } = base;
  const iam = makeIam(base);
  const lambda = makeLambda(base, iam);
  const bus = new EventBus({ ...base, ...timings, ...lambda.port });
  const instances = makeInstances(base, iam, (event) => bus.publish(event));
  const notifications = new Notifications({ ...base, ...timings, ...lambda.port });
  serve(base, { iam, lambda, bus, instances, notifications });

  const startedAt = new Date().toISOString();
  const running = { pid: process.pid, endpoint, region, credentials: OPERATOR, startedAt };
  await noteRunningCloud(directory, running);
  cleanup.add(() => forgetRunningCloud(directory));
  // Added last, and therefore the first step: nothing new begins.
  cleanup.add(() => timers.stop());
  faults.control({ ...instances, bus, timers, functions: lambda.functions });
  return {
    ...{ endpoint, region, credentials: OPERATOR, faults, motoPid, recorder },
    warmUp: () => warmUp(moto),
    stop: () => cleanup.run(),
  };
}

type Base = Awaited<ReturnType<typeof openBase>>;
type Iam = ReturnType<typeof makeIam>;
type Lambda = ReturnType<typeof makeLambda>;
type Instances = ReturnType<typeof makeInstances>;

/** The parts that all services share: the gateway, moto, the bundled programs, timers and faults. */
async function openBase(options: StartOptions, cleanup: Cleanup) {
  const { directory, region, timings } = options;
  const report = reportTo(options.onEvent);
  const processes = new Processes();
  const timers = new Timers(report);
  cleanup.atExit(() => processes.killAll());
  cleanup.add(() => processes.end());
  const gateway = await Gateway.open(options.port ?? 0);
  cleanup.add(() => gateway.close());
  const { endpoint } = gateway;
  const onDeath = () =>
    report({ kind: 'warning', text: 'moto’s server has died: stop the local cloud and start it again' });
  const programs = programsFolder(directory);
  const [bootstrap, awsProgram] = await Promise.all([bundleBootstrap(programs), bundleAws(programs)]);
  const { api: moto, ...motoServer } = await startMoto({
    command: options.motoServer,
    directory,
    region,
    processes,
    onDeath,
  });
  cleanup.add(() => motoServer.stop());
  const makeMachine = await machineMaker(options, awsProgram, gateway.port);
  const opened = { gateway, endpoint, moto, motoPid: motoServer.pid, bootstrap, makeMachine };
  const watchers = { faults: new Faults(), recorder: new Recorder() };
  return { ...opened, ...watchers, directory, region, timings, report, processes, timers, cleanup };
}

/** The folder of each instance's disk. A new instance takes a disk that is left: a prepared model works only at its own path. */
function diskFolders(left: readonly string[]): (instanceId: string) => string {
  const folders = new Map<string, string>();
  return (instanceId) => {
    const folder = folders.get(instanceId) ?? left[folders.size] ?? instanceId;
    folders.set(instanceId, folder);
    return folder;
  };
}

/** Makes sandboxes or, with `systemd`, containers. Their names are this run's own: two local clouds at once do not meet. */
async function machineMaker(
  { directory, systemd, disks }: StartOptions,
  awsProgram: string,
  gatewayPort: number,
): Promise<MakeMachine> {
  const instances = instancesFolder(directory);
  if (!systemd) {
    const folderOf = diskFolders(disks);
    return (instanceId) => new Sandbox(join(instances, folderOf(instanceId)), awsProgram);
  }
  const programs = await bundleSystemdPrograms(programsFolder(directory), awsProgram);
  const run = randomBytes(4).toString('hex');
  return (instanceId, onOwnEnd) => {
    const name = `lamplighter-${run}-${instanceId}`;
    return new SystemdMachine(join(instances, instanceId), name, programs, gatewayPort, systemd, onOwnEnd);
  };
}

function makeIam({ moto, report, region, cleanup }: Base) {
  const callers = new Callers();
  const roles = new Roles(moto, callers);
  const bucketPolicies = new BucketPolicies();
  const decisions = new Decisions();
  cleanup.add(() => decisions.write());
  const authorizer = new Authorizer({
    policies: new AttachedPolicies(moto),
    bucketPolicyOf: (bucket) => bucketPolicies.of(bucket),
    instanceTags: (instanceId) => instanceTags(moto, instanceId),
    decisions,
    report,
    region,
  });
  const assumeRole: AssumeRole = (roleArn, sessionName) => roles.assume(roleArn, sessionName);
  const permits: Permits = (session, call) => authorizer.permits(session, call);
  return { callers, roles, bucketPolicies, authorizer, port: { assumeRole, permits } };
}

function makeLambda(base: Base, iam: Iam) {
  const { moto, directory, timers, region, gateway, cleanup, timings } = base;
  const code = new FunctionCode(moto, functionsFolder(directory));
  const logs = new FunctionLogs(moto, timers, iam.port.permits, region);
  const functions = new Functions({
    ...base,
    ...iam.port,
    code,
    openLogStream: (logGroup, session) => logs.openStream(logGroup, session),
    runtimeApi: `127.0.0.1:${gateway.port}${RUNTIME_PATH}`,
  });
  cleanup.add(() => functions.stop());
  const { lambdaRetryMs } = timings;
  const invocations = new Invocations({ ...base, ...iam.port, functions, lambdaRetryMs });
  const port = {
    invokeLater: (functionName: string, payload: Buffer) => invocations.begin(functionName, payload),
    mayInvoke: (functionName: string, service: string, sourceArn: string) =>
      mayInvoke(moto, functionName, service, sourceArn),
  };
  return { code, functions, invocations, port };
}

/** EC2's instances, with their agents and commands. */
function makeInstances(base: Base, { roles, port }: Iam, publish: Publish) {
  const { moto, endpoint, region, timers, report, timings, cleanup } = base;
  const commands = new Commands(publish, report, region);
  const logs = new AgentLogs(endpoint, region, timers, report);
  const agents = new Agents({
    ...base,
    ...port,
    onOwnEnd: (instanceId, end) => instances.endedByItself(instanceId, end),
    tagsOf: (instanceId) => instanceTags(moto, instanceId),
    roleOf: async (instanceId) => {
      const profileArn = await instanceProfileArn(moto, instanceId);
      return profileArn === undefined ? undefined : roles.ofInstanceProfile(profileArn);
    },
    missingWayOut: (instanceId) => missingWayOut(moto, instanceId),
    openStepLog: (log, credentials) => logs.open(log, credentials),
    commands,
    agentMs: timings.agentMs,
  });
  cleanup.atExit(() => agents.killAll());
  cleanup.add(() => agents.end());
  const instances = new Ec2Instances({ listener: agents, publish, timers, timings, report, region });
  return { commands, agents, instances };
}

/** From now on the gateway answers callers. */
function serve(
  { gateway, region, moto, recorder, faults, timers }: Base,
  parts: { iam: Iam; lambda: Lambda; bus: EventBus; instances: Instances; notifications: Notifications },
): void {
  const { bus, notifications } = parts;
  const { callers, roles, bucketPolicies, authorizer } = parts.iam;
  const { code, functions, invocations } = parts.lambda;
  const { commands, agents, instances } = parts.instances;
  const s3 = new S3Api(moto, notifications, bucketPolicies, { faults, timers });
  const isRunning = (instanceId: string) => instances.get(instanceId)?.state === 'running';
  const apis = {
    lambda: new LambdaApi(moto, code, functions, invocations),
    ec2: new Ec2Api(moto, instances, faults),
    ssm: new SsmApi(moto, agents, commands, isRunning),
    events: bus,
    s3,
    sts: roles,
  };
  gateway.serve({
    region,
    motoPort: moto.port,
    callers,
    answers: Object.fromEntries(
      Object.entries(apis).map(([service, api]) => [service, (call: Call) => api.answer(call)]),
    ),
    otherwise: (call) => moto.forward(call),
    authorizer,
    s3,
    notifications,
    faults,
    functions,
    recorder,
  });
}

function reportTo(onEvent: ((event: CloudEvent) => void) | undefined): Report {
  return (happening) => onEvent?.({ ...happening, at: new Date().toISOString() });
}

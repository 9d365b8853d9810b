import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LamplighterError } from '../lifecycle/errors';
import { Agents } from './ssm/agents';
import { Authorizer } from './iam/authorize';
import { BucketPolicies } from './s3/bucket-policies';
import type { Call } from './wire/call';
import { type AssumeRole, Callers, type Permits } from './wire/caller';
import { Commands } from './ssm/commands';
import { Ec2Api } from './ec2/api';
import { EventBus } from './eventbridge/api';
import { Faults } from './faults';
import { FunctionCode } from './lambda/function-code';
import { bundleBootstrap } from './lambda/function-instance';
import { AgentLogs } from './logs/agent-logs';
import { FunctionLogs } from './logs/function-logs';
import { Functions } from './lambda/functions';
import { Gateway, RUNTIME_PATH } from './gateway';
import { AttachedPolicies } from './iam/policies';
import { Decisions } from './iam/record';
import { Invocations } from './lambda/invocations';
import { LambdaApi } from './lambda/api';
import { instanceProfileArn, instanceTags } from './ec2/described-instance';
import { Ec2Instances } from './ec2/instances';
import { startMoto } from './moto/moto';
import { Notifications } from './s3/notifications';
import { Processes } from '../scripts/tools/process-groups';
import type { CloudEvent, Publish, Report } from './clockwork/events';
import { mayInvoke } from './iam/resource-policy';
import { Roles } from './iam/roles';
import { findRunningCloud, forgetRunningCloud, noteRunningCloud } from './running';
import { Sandbox, bundleAws, clearSandboxes } from './machine/sandbox';
import { noProxy } from './wire/client-environment';
import { S3Api } from './s3/api';
import { SsmApi } from './ssm/api';
import { Timers } from './clockwork/timers';
import type { Timings } from './clockwork/timings';

export interface LocalCloudOptions {
  /** Takes everything that the local cloud keeps: one local cloud at a time, and nobody else's files. */
  readonly directory: string;
  /** @default a free one */
  readonly port?: number;
  /** moto's executable, `moto_server`. */
  readonly motoServer: string;
  readonly region: string;
  readonly timings: Timings;
  readonly onEvent?: (event: CloudEvent) => void;
}

export interface LocalCloud {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly faults: Faults;
  readonly motoPid: number;
  /** Ends everything that the local cloud has started; a second call does nothing more. */
  stop(): Promise<void>;
}

/** Not secret: they open nothing but a cloud on loopback. */
const OPERATOR = { accessKeyId: 'LAMPLIGHTERLOCAL', secretAccessKey: 'local' } as const;

/**
 * Starts a local cloud. Throws LamplighterError when the port is taken, moto does not start, or a local cloud already runs
 * in the folder; then nothing is left running.
 */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const directory = resolve(options.directory);
  const other = await findRunningCloud(directory);
  if (other) {
    throw new LamplighterError(
      `A local cloud is already running in ${directory} (process ${other.pid}, ${other.endpoint}). Stop it first.`,
    );
  }
  await clear(directory);
  const ends = new Ends();
  try {
    return await start({ ...options, directory }, ends);
  } catch (error) {
    await ends.run();
    throw error;
  }
}

/** What Terraform, cdktf, the aws CLI and the SDKs need in their environment to use the local cloud. */
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

/** Ends and removes what a local cloud that was killed has left; moto's state died with it, so nothing of it is of use. */
async function clear(directory: string): Promise<void> {
  clearSandboxes(instancesFolder(directory));
  await rm(functionsFolder(directory), { recursive: true, force: true });
  await mkdir(programsFolder(directory), { recursive: true });
}

async function start(options: LocalCloudOptions & { directory: string }, ends: Ends): Promise<LocalCloud> {
  const { directory, region, timings } = options;
  const report = reportTo(options.onEvent);
  const processes = new Processes();
  const timers = new Timers(report);
  ends.atExit(() => processes.killAll());
  ends.add(() => processes.end());
  const gateway = await Gateway.open(options.port ?? 0);
  ends.add(() => gateway.close());
  const { endpoint } = gateway;
  const onDeath = () =>
    report({ kind: 'warning', text: 'moto’s server has died: stop the local cloud and start it again' });
  const programs = programsFolder(directory);
  const [bootstrap, awsProgram] = await Promise.all([bundleBootstrap(programs), bundleAws(programs)]);
  const moto = await startMoto({ command: options.motoServer, directory, region, processes, onDeath });
  ends.add(() => moto.stop());
  const shared = { moto: moto.api, timers, report, region };
  const faults = new Faults();

  const callers = new Callers();
  const roles = new Roles(moto.api, callers);
  const assumeRole: AssumeRole = (roleArn, sessionName) => roles.assume(roleArn, sessionName);
  const bucketPolicies = new BucketPolicies();
  const decisions = new Decisions();
  ends.add(() => decisions.write());
  const authorizer = new Authorizer({
    policies: new AttachedPolicies(moto.api),
    bucketPolicyOf: (bucket) => bucketPolicies.of(bucket),
    instanceTags: (instanceId) => instanceTags(moto.api, instanceId),
    decisions,
    report,
    region,
  });
  const permits: Permits = (session, call) => authorizer.permits(session, call);
  const code = new FunctionCode(moto.api, functionsFolder(directory));
  const functionLogs = new FunctionLogs(moto.api, timers, permits, region);
  const functions = new Functions({
    ...shared,
    code,
    assumeRole,
    openLogStream: (logGroup, session) => functionLogs.openStream(logGroup, session),
    processes,
    endpoint,
    bootstrap,
    runtimeApi: `127.0.0.1:${gateway.port}${RUNTIME_PATH}`,
  });
  ends.add(() => functions.stop());
  const invocations = new Invocations({
    ...shared,
    functions,
    permits,
    lambdaRetryMs: timings.lambdaRetryMs,
  });
  const invoking = {
    invokeLater: (functionName: string, payload: Buffer) => invocations.begin(functionName, payload),
    mayInvoke: (functionName: string, service: string, sourceArn: string) =>
      mayInvoke(moto.api, functionName, service, sourceArn),
  };
  const bus = new EventBus({ ...shared, ...invoking, ...timings });
  const publish: Publish = (event) => bus.publish(event);
  const commands = new Commands(publish, report, region);
  const agentLogs = new AgentLogs(endpoint, region, timers, report);
  const agents = new Agents({
    makeMachine: (instanceId) => new Sandbox(join(instancesFolder(directory), instanceId), awsProgram),
    roleOf: async (instanceId) => {
      const profileArn = await instanceProfileArn(moto.api, instanceId);
      return profileArn === undefined ? undefined : roles.ofInstanceProfile(profileArn);
    },
    assumeRole,
    permits,
    openStepLog: (log, credentials) => agentLogs.open(log, credentials),
    commands,
    faults,
    timers,
    report,
    endpoint,
    region,
    agentMs: timings.agentMs,
  });
  ends.atExit(() => agents.killAll());
  ends.add(() => agents.killAll());
  const instances = new Ec2Instances({ guest: agents, publish, timers, timings, report, region });
  const { notificationMs } = timings;
  const notifications = new Notifications({ ...shared, ...invoking, faults, notificationMs });

  const s3 = new S3Api(moto.api, notifications, bucketPolicies);
  const isRunning = (instanceId: string) => instances.get(instanceId)?.state === 'running';
  const apis = {
    lambda: new LambdaApi(moto.api, code, functions, invocations),
    ec2: new Ec2Api(moto.api, instances),
    ssm: new SsmApi(moto.api, agents, commands, isRunning),
    events: bus,
    s3,
    sts: roles,
  };
  gateway.serve({
    region,
    motoPort: moto.api.port,
    callers,
    answers: Object.fromEntries(
      Object.entries(apis).map(([service, api]) => [service, (call: Call) => api.answer(call)]),
    ),
    otherwise: (call) => moto.api.forward(call),
    isBuffered: (head) => s3.takes(head),
    authorize: (call) => authorizer.authorize(call),
    authorizeMiss: (head) => authorizer.authorizeMiss(head),
    changes: (call) => authorizer.changes(call),
    observeS3: (head, answer) => notifications.observe(head, answer),
    runtime: (path, request, response) => functions.runtime(path, request, response),
  });

  await noteRunningCloud(directory, {
    pid: process.pid,
    endpoint,
    region,
    credentials: OPERATOR,
    startedAt: new Date().toISOString(),
  });
  ends.add(() => forgetRunningCloud(directory));
  // First of all: nothing new begins.
  ends.add(() => timers.stop());
  faults.control({ agents, instances, bus, functions, timers });
  return {
    endpoint,
    region,
    credentials: OPERATOR,
    faults,
    motoPid: moto.pid,
    stop: () => ends.run(),
  };
}

function reportTo(onEvent: ((event: CloudEvent) => void) | undefined): Report {
  return (happening) => onEvent?.({ ...happening, at: new Date().toISOString() });
}

/** What must happen when the local cloud stops, last begun first; and, as a last resort, when our process exits. */
class Ends {
  private readonly steps: (() => unknown)[] = [];
  private readonly exits: (() => void)[] = [];
  private running: Promise<void> | undefined;

  add(step: () => unknown): void {
    this.steps.unshift(step);
  }

  /** Synchronous: when a process exits, nothing else can be done. */
  atExit(step: () => void): void {
    this.exits.push(step);
    process.once('exit', step);
  }

  run(): Promise<void> {
    this.running ??= this.runAll();
    return this.running;
  }

  /** One step that fails does not keep the others from being taken. */
  private async runAll(): Promise<void> {
    const errors: unknown[] = [];
    for (const step of this.steps) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    for (const exit of this.exits) {
      exit();
      process.off('exit', exit);
    }
    if (errors.length > 0) throw new AggregateError(errors, 'The local cloud did not stop cleanly.');
  }
}

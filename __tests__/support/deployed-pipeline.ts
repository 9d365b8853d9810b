import {
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import {
  CreateTagsCommand,
  DeleteTagsCommand,
  DescribeInstancesCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { SSMClient } from '@aws-sdk/client-ssm';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { jobIdOf, receiptKey } from '../../lifecycle/job';
import type { Manifest } from '../../lifecycle/manifest';
import { receiptSchema, type Receipt, type Status } from '../../lifecycle/records';
import { hasEnded } from '../../local-cloud/ssm/commands';
import { type LocalCloudOptions, environmentFor } from '../../local-cloud/cloud';
import { deployToLocalCloud, terraformVariables, updateLocalCloud } from '../../local-cloud/deploy';
import type { CloudEvent, CommandStatus } from '../../local-cloud/clockwork/events';
import type { Timings } from '../../local-cloud/clockwork/timings';
import { findPipeline } from '../../scripts/pipeline/find-pipeline';
import { PROJECT_FOLDER } from '../../scripts/tools/project';
import { Children } from '../../scripts/tools/children';
import { provideTools } from '../../scripts/tools/provide';
import { type StackOptions, stackFolder, synthesize } from '../../scripts/tools/stack';
import { eventually, startCloud, type CloudUnderTest } from './local-cloud';

interface Settings {
  readonly pipelines: { name: string }[];
}

interface DeployOptions {
  readonly variables?: Record<string, string>;
  readonly project?: string;
  readonly beside?: DeployedPipeline;
  readonly timings?: Partial<Timings>;
  readonly systemd?: LocalCloudOptions['systemd'];
  readonly waitsAsOnAws?: boolean;
}

/** A stack for Terraform, and the variables that `lamplighter env` would print. */
export async function stackOptions(
  cloud: CloudUnderTest,
  context: Settings,
  { variables, project = PROJECT_FOLDER }: Pick<DeployOptions, 'variables' | 'project'> = {},
): Promise<{ options: StackOptions; announced: Record<string, string> }> {
  const signal = new AbortController().signal;
  const children = new Children(signal);
  const stack = context.pipelines[0]!.name;
  const outputFolder = join(cloud.directory, `terraform ${stack}`);
  const cliConfigFile = join(cloud.directory, 'terraform.rc');
  const tools = await provideTools({ children, signal, cliConfigFile, say: () => undefined });
  const announced = {
    ...environmentFor(cloud),
    ...terraformVariables(outputFolder),
    ...tools.variables,
    ...variables,
  };
  const options: StackOptions = {
    project,
    context,
    outputFolder,
    stack,
    environment: { ...process.env, ...announced },
    terraform: tools.terraform.program,
    children,
    onStep: () => undefined,
  };
  return { options, announced };
}

/** An upload: one version of one key. */
export interface Uploaded {
  readonly key: string;
  readonly jobId: string;
}

/** The real stack with the test models, which Terraform applies to its own local cloud. */
export class DeployedPipeline {
  private constructor(
    readonly cloud: CloudUnderTest,
    public manifest: Manifest,
    readonly s3: S3Client,
    readonly ec2: EC2Client,
    /** The options of the deployment. */
    readonly stack: StackOptions,
    /** The variables that `lamplighter env` would print. */
    readonly announced: Record<string, string>,
  ) {}

  /**
   * Deploys a pipeline.
   * - `given`: the context instead of cdktf.json's, or a function that makes it in the started cloud.
   * - `variables`: environment variables besides those of a local deployment.
   * - `project`: the folder instead of the checkout.
   * - `beside`: another pipeline, whose local cloud this one shares.
   * - `systemd`: the instance is a container with systemd.
   * - `waitsAsOnAws`: Terraform makes every resource itself.
   */
  static async deploy(
    given: Settings | ((cloud: CloudUnderTest) => Settings | Promise<Settings>),
    { variables = {}, project = PROJECT_FOLDER, beside, timings, systemd, waitsAsOnAws }: DeployOptions = {},
  ): Promise<DeployedPipeline> {
    const cloud = beside?.cloud ?? (await startCloud(timings, systemd));
    try {
      const context = typeof given === 'function' ? await given(cloud) : given;
      const { options, announced } = await stackOptions(cloud, context, { variables, project });
      await deployToLocalCloud(options, { waitsAsOnAws });
      const manifest = await findPipeline(new SSMClient(cloud.client), options.stack);
      const s3 = new S3Client({ ...cloud.client, forcePathStyle: true });
      return new DeployedPipeline(cloud, manifest, s3, new EC2Client(cloud.client), options, announced);
    } catch (error) {
      await cloud.end();
      throw error;
    }
  }

  async end(): Promise<void> {
    await this.cloud.end();
  }

  /** Deploys again over the existing deployment, with other settings or after a change of the project. */
  async update(context: Settings): Promise<void> {
    await updateLocalCloud({ ...this.stack, context });
    this.manifest = await findPipeline(new SSMClient(this.cloud.client), this.stack.stack);
  }

  async upload(key: string, text: string, options: Partial<PutObjectCommandInput> = {}): Promise<Uploaded> {
    const bucket = this.manifest.dataBucket;
    const put = new PutObjectCommand({ Bucket: bucket, Key: key, Body: text, ...options });
    const { VersionId } = await this.s3.send(put);
    return { key, jobId: jobIdOf({ bucket, key, versionId: VersionId! }) };
  }

  async receipt(uploaded: Uploaded, limitMs = 45_000): Promise<Receipt> {
    const key = receiptKey(uploaded.key, uploaded.jobId);
    const text = await eventually(
      `a receipt of ${uploaded.key}`,
      () => this.text(this.manifest.outputBucket, key),
      limitMs,
    );
    return receiptSchema.parse(JSON.parse(text));
  }

  async writeControl(key: string, text: string): Promise<void> {
    await this.s3.send(new PutObjectCommand({ Bucket: this.manifest.controlBucket, Key: key, Body: text }));
  }

  /** The hash of a function's deployed code. */
  async codeOf(FunctionName: string): Promise<string> {
    const lambda = new LambdaClient(this.cloud.client);
    const { CodeSha256 } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    return CodeSha256!;
  }

  async text(bucket: string, key: string): Promise<string | undefined> {
    try {
      const { Body } = await this.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return await Body!.transformToString();
    } catch (error) {
      if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
      throw error;
    }
  }

  async keys(bucket: string, prefix: string): Promise<string[]> {
    const { Contents } = await this.s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
    return (Contents ?? []).map(({ Key }) => Key!);
  }

  async state(): Promise<string | undefined> {
    const ids = { InstanceIds: [this.manifest.instanceId] };
    const { Reservations } = await this.ec2.send(new DescribeInstancesCommand(ids));
    return Reservations?.[0]?.Instances?.[0]?.State?.Name;
  }

  /** The reports that the agent found no way to Systems Manager. */
  agentSleeps(): string[] {
    return this.cloud.events.flatMap(({ kind, text }) =>
      kind === 'warning' && text.includes('sleeps') ? [text] : [],
    );
  }

  /** Waits until the instance is in a state that lasts. */
  async reaches(state: string, limitMs = 30_000): Promise<void> {
    await eventually(
      `state ${state}`,
      async () => ((await this.state()) === state ? true : undefined),
      limitMs,
    );
  }

  /** Acts, and waits until the instance has entered the state after that, even for a short time. */
  async enters(state: string, act: () => unknown): Promise<void> {
    const { events } = this.cloud;
    const before = events.length;
    const isEntry = (event: CloudEvent) =>
      event.kind === 'instance' && event.instanceId === this.manifest.instanceId && event.state === state;
    await act();
    await eventually(`entering ${state}`, () => events.slice(before).some(isEntry) || undefined, 45_000);
  }

  /**
   * Waits until nothing more happens by itself: no event is in a queue, and no function and no command is
   * running. The worker function may wait for a minute for an instance that no longer exists.
   */
  async isQuiet(): Promise<void> {
    const { faults } = this.cloud;
    const isQuiet = async () =>
      (faults.deliveries.length === 0 && (await this.commandsUnderWay()).length === 0) || undefined;
    try {
      await eventually('quiet', isQuiet, 80_000);
    } catch (cause) {
      const commands = JSON.stringify(await this.commandsUnderWay());
      const what = `under way: ${faults.deliveries.join(', ')}; commands: ${commands}`;
      throw new Error(what, { cause });
    }
  }

  /**
   * Each command that has not ended, with its status. A worker may have sent one just as the instance was stopped. SSM keeps
   * it as Pending for ten minutes or until the next boot, and nothing happens meanwhile.
   */
  private async commandsUnderWay(): Promise<[commandId: string, CommandStatus][]> {
    const statuses = new Map<string, CommandStatus>();
    for (const event of this.cloud.events) {
      if (event.kind === 'command') statuses.set(event.commandId, event.status);
    }
    const isOff = ['stopped', 'terminated', undefined].includes(await this.state());
    return [...statuses].filter(([, status]) => !hasEnded(status) && !(isOff && status === 'Pending'));
  }

  /** Waits until the machine is off and the stop function has written the gate. Jobs may be open. */
  async comesToClosed(): Promise<void> {
    await this.reaches('stopped');
    await eventually('a closed gate', async () => (await this.gateIsClosed()) || undefined);
  }

  private async gateIsClosed(): Promise<boolean> {
    return (await this.text(this.manifest.controlBucket, 'gate.json'))?.includes('"CLOSED"') === true;
  }

  /**
   * Waits until no job is open, the machine is off and the gate is CLOSED: the state in which each test must
   * end.
   */
  async comesToRest(): Promise<void> {
    await eventually(
      'rest',
      async () => {
        const rests =
          (await this.gateIsClosed()) &&
          (await this.state()) === 'stopped' &&
          (await this.keys(this.manifest.controlBucket, 'open/')).length === 0;
        return rests || undefined;
      },
      45_000,
    );
  }

  /** Waits until the job is admitted. */
  async isOpen({ jobId, key }: Uploaded): Promise<void> {
    const { controlBucket } = this.manifest;
    await eventually(`an open record of ${key}`, () => this.text(controlBucket, `open/${jobId}.json`));
  }

  /** Waits until the model runs: its progress is in the status record. */
  async isRunning({ jobId, key }: Uploaded, attempt = 1): Promise<void> {
    await eventually(
      `a running model for ${key}`,
      async () => {
        const status = await this.text(this.manifest.controlBucket, `status/${jobId}.json`);
        const { phase, attempt: at } = JSON.parse(status ?? '{}') as Partial<Status>;
        return (phase === 'running' && at === attempt) || undefined;
      },
      45_000,
    );
  }

  /** The exit code of `terraform plan -detailed-exitcode`: 0 no changes, 2 changes. */
  plan(...options: readonly string[]): Promise<{ code: number; output: string }> {
    return this.terraform('plan', '-detailed-exitcode', '-input=false', '-no-color', ...options);
  }

  /** The plan as `terraform show -json` prints it. */
  async planAsJson(): Promise<unknown> {
    const plan = await this.plan('-out=plan.bin');
    if (plan.code !== 0) throw new Error(plan.output);
    return JSON.parse((await this.terraform('show', '-json', 'plan.bin')).output);
  }

  /** The plan for other settings. These settings stay. */
  async planWith(context: Settings): Promise<{ code: number; output: string }> {
    await synthesize({ ...this.stack, context });
    return this.plan();
  }

  /** The output of `terraform destroy`, after the last deploy. */
  destroy(...args: readonly string[]): Promise<{ code: number; output: string }> {
    return this.terraform('destroy', '-auto-approve', '-input=false', '-no-color', ...args);
  }

  /** Destroys the instance and the resources in front of it. */
  destroyInstance(): Promise<{ code: number; output: string }> {
    return this.destroy('-target=aws_instance.instance');
  }

  private async terraform(...args: string[]): Promise<{ code: number; output: string }> {
    const { terraform, environment } = this.stack;
    const options = { cwd: stackFolder(this.stack), env: environment, maxBuffer: 64 * 2 ** 20 };
    try {
      const { stdout } = await promisify(execFile)(terraform, args, options);
      return { code: 0, output: stdout };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    }
  }

  /** Tags the instance, as people do in the console. */
  async tag(key: string, value: string): Promise<void> {
    const Tags = [{ Key: key, Value: value }];
    await this.ec2.send(new CreateTagsCommand({ Resources: [this.manifest.instanceId], Tags }));
  }

  async untag(key: string): Promise<void> {
    const Tags = [{ Key: key }];
    await this.ec2.send(new DeleteTagsCommand({ Resources: [this.manifest.instanceId], Tags }));
  }
}

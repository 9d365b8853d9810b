import {
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { SSMClient } from '@aws-sdk/client-ssm';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { jobIdOf, receiptKey } from '../../lifecycle/job';
import type { Manifest } from '../../lifecycle/manifest';
import { receiptSchema, type Receipt, type Status } from '../../lifecycle/records';
import { environmentFor } from '../../scripts/local/cloud';
import { deployToLocalCloud, terraformVariables } from '../../scripts/local/deploy';
import type { Timings } from '../../scripts/local/timings';
import { findPipeline } from '../../scripts/pipeline/find';
import { PROJECT } from '../../scripts/project';
import { Children } from '../../scripts/tools/children';
import { provideTools } from '../../scripts/tools/provide';
import { eventually, startCloud, type CloudUnderTest } from './local-cloud';

/** One version of one key that was uploaded. */
export interface Uploaded {
  readonly key: string;
  readonly jobId: string;
}

/** The real stack with the test models, applied by Terraform to a local cloud of its own. */
export class DeployedPipeline {
  private constructor(
    readonly cloud: CloudUnderTest,
    readonly manifest: Manifest,
    readonly s3: S3Client,
    readonly ec2: EC2Client,
    readonly terraform: { program: string; folder: string; environment: NodeJS.ProcessEnv },
  ) {}

  /** `context` stands for that of cdktf.json. */
  static async deploy(
    context: { pipelines: { name: string }[] },
    timings: Partial<Timings> = {},
  ): Promise<DeployedPipeline> {
    const cloud = await startCloud(timings);
    try {
      const signal = new AbortController().signal;
      const children = new Children(signal);
      const outputFolder = join(cloud.directory, 'terraform');
      const stack = context.pipelines[0]!.name;
      const cliConfigFile = join(cloud.directory, 'terraform.rc');
      const tools = await provideTools({ children, signal, cliConfigFile, say: () => undefined });
      const environment = {
        ...process.env,
        ...environmentFor(cloud),
        ...terraformVariables(outputFolder),
        ...tools.variables,
      };
      const { program } = tools.terraform;
      await deployToLocalCloud({
        project: PROJECT,
        context,
        outputFolder,
        stack,
        environment,
        terraform: program,
        children,
        onStep: () => undefined,
      });
      const manifest = await findPipeline(new SSMClient(cloud.client), stack);
      const s3 = new S3Client({ ...cloud.client, forcePathStyle: true });
      const folder = join(outputFolder, 'stacks', stack);
      return new DeployedPipeline(cloud, manifest, s3, new EC2Client(cloud.client), {
        program,
        folder,
        environment,
      });
    } catch (error) {
      await cloud.end();
      throw error;
    }
  }

  async end(): Promise<void> {
    await this.cloud.end();
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

  async reaches(state: string, limitMs = 30_000): Promise<void> {
    await eventually(
      `state ${state}`,
      async () => ((await this.state()) === state ? true : undefined),
      limitMs,
    );
  }

  /** Nothing is open and the machine is off, with the gate to match: where every story must end. */
  async comesToRest(): Promise<void> {
    await eventually(
      'rest',
      async () => {
        const { controlBucket } = this.manifest;
        const gate = (await this.text(controlBucket, 'gate.json')) ?? '{}';
        const rests =
          (await this.state()) === 'stopped' &&
          gate.includes('"CLOSED"') &&
          (await this.keys(controlBucket, 'open/')).length === 0;
        return rests || undefined;
      },
      45_000,
    );
  }

  /** Waits until the model says that it runs: its progress is in the status record. */
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

  /** What `terraform plan -detailed-exitcode` says: 0 no changes, 2 changes. */
  async plan(): Promise<{ code: number; output: string }> {
    const { program, folder, environment } = this.terraform;
    const args = ['plan', '-detailed-exitcode', '-input=false', '-no-color'];
    try {
      const { stdout } = await promisify(execFile)(program, args, { cwd: folder, env: environment });
      return { code: 0, output: stdout };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    }
  }
}

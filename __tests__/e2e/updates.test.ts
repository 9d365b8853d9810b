import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import {
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DescribeVolumesCommand,
  DescribeVpcsCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { GetParametersByPathCommand, ListDocumentsCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Checkout } from '../support/checkout';
import { DeployedPipeline } from '../support/deployed-pipeline';
import { hasMoto, json, query } from '../support/local-cloud';

const settings = { name: 'puppets', models: ['models/puppet'], leaseSeconds: 15, lingerSeconds: 0 };

const story = hasMoto() ? describe : describe.skip;

/** One deployment that is updated several times and destroyed at the end. */
story('a pipeline that is deployed again', () => {
  let checkout: Checkout;
  let pipeline: DeployedPipeline;

  beforeAll(async () => {
    checkout = new Checkout();
    checkout.letPuppetWait();
    checkout.edit('models/puppet/model.json', '"timeLimitMinutes": 2', '"timeLimitMinutes": 10');
    checkout.edit('models/puppet/run', 'cp "$file"', 'echo first >"$2/model.txt"; cp "$file"');
    pipeline = await DeployedPipeline.deploy({ pipelines: [settings] }, { project: checkout.path });
    await pipeline.cloud.faults.sweepNow();
    await pipeline.comesToRest();
  }, 240_000);

  afterAll(async () => {
    await (pipeline as DeployedPipeline | undefined)?.end();
    checkout.remove();
  });

  it('kills no model and changes no admitted job, if model, settings and a handler are new', async () => {
    // The line has no space, because the model splits the first line at spaces.
    const marker = join(mkdtempSync(join(tmpdir(), 'marker-')), 'go-on');
    const running = await pipeline.upload('running.txt', `wait ${marker}`);
    await pipeline.isRunning(running);
    const waiting = await pipeline.upload('waiting.txt', 'hello');
    await pipeline.isOpen(waiting);
    const stops = pipeline.cloud.faults.stopCalls;
    const [before] = pipeline.manifest.models;
    const codeBefore = await pipeline.codeOf(pipeline.manifest.functions.stop);

    checkout.edit('models/puppet/run', 'echo first', 'echo second');
    checkout.edit('handlers/stop.ts', 'export ', 'console.log("the new handler");\nexport ');
    checkout.edit('handlers/trigger.ts', 'export ', 'console.log("the new handler");\nexport ');
    await pipeline.update({ pipelines: [{ ...settings, ...{ sweepMinutes: 7, breakerWakeUps: 5 } }] });

    const [after] = pipeline.manifest.models;
    expect(after!.digest).not.toBe(before!.digest);
    expect(after!.zipVersionId).not.toBe(before!.zipVersionId);
    expect(await pipeline.codeOf(pipeline.manifest.functions.stop)).not.toBe(codeBefore);
    // The model has run during the whole update.
    await pipeline.isRunning(running);
    expect(pipeline.cloud.faults.stopCalls).toBe(stops);
    writeFileSync(marker, '');

    for (const job of [running, waiting]) {
      const receipt = await pipeline.receipt(job);
      expect(receipt).toMatchObject({ outcome: 'succeeded', attempt: 1 });
      expect(receipt.model).toMatchObject({ digest: before!.digest, zipVersionId: before!.zipVersionId });
      expect(await modelOf(job)).toBe('first\n');
    }
    const later = await pipeline.upload('later.txt', 'hello');
    expect((await pipeline.receipt(later)).model.digest).toBe(after!.digest);
    expect(await modelOf(later)).toBe('second\n');
    await pipeline.comesToRest();
  }, 240_000);

  it('has an empty plan after runs, and after people have paused and held the instance', async () => {
    await pipeline.tag('lamplighter:pause', 'a person');
    await pipeline.tag('lamplighter:hold', 'a person');
    const { code, output } = await pipeline.plan();
    expect(output).toContain('No changes.');
    expect(code).toBe(0);
    await pipeline.untag('lamplighter:pause');
    await pipeline.untag('lamplighter:hold');
  }, 120_000);

  it('is not destroyed if that would lose data: Terraform refuses the whole destroy', async () => {
    const { code, output } = await pipeline.destroy();
    expect(code).not.toBe(0);
    for (const bucket of ['data', 'output', 'control']) {
      expect(output.replace(/\s+/g, ' ')).toContain(
        `aws_s3_bucket.${bucket} has lifecycle.prevent_destroy set`,
      );
    }
    const job = await pipeline.upload('after-all.txt', 'hello');
    expect((await pipeline.receipt(job)).outcome).toBe('succeeded');
    await pipeline.comesToRest();
  }, 180_000);

  it('leaves nothing behind if it is disposable and destroyed, even during a sweep', async () => {
    await pipeline.update({ pipelines: [{ ...settings, ...{ disposable: true } }] });
    const before = await leftovers();
    // Without resources before the destroy, this test would prove nothing.
    expect(Object.entries(before).filter(([, names]) => names.length === 0)).toEqual([]);
    const { code, output } = await duringSweeps(pipeline.destroy());
    expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
    expect(Object.entries(await leftovers()).filter(([, names]) => names.length > 0)).toEqual([]);
  }, 240_000);

  /** Starts sweeps one after the other, so that one is running at each moment of the destroy. */
  async function duringSweeps<T>(work: Promise<T>): Promise<T> {
    const { faults } = pipeline.cloud;
    const end = new AbortController();
    const sweeping = (async () => {
      while (!end.signal.aborted) {
        if (faults.deliveries.length === 0) await faults.sweepNow();
        await sleep(50);
      }
    })();
    try {
      return await work;
    } finally {
      end.abort();
      await sweeping;
    }
  }

  async function modelOf(job: { key: string; jobId: string }): Promise<string | undefined> {
    const { outputBucket } = pipeline.manifest;
    return pipeline.text(outputBucket, `results/${job.key}/${job.jobId}/attempt-1/model.txt`);
  }

  /** The account's resources by kind, without those that each new account has. */
  async function leftovers(): Promise<Record<string, string[]>> {
    const { cloud } = pipeline;
    const s3 = new S3Client({ ...cloud.client, forcePathStyle: true });
    const ec2 = new EC2Client(cloud.client);
    const lambda = new LambdaClient(cloud.client);
    const ssm = new SSMClient(cloud.client);
    const iam = async (action: string, element: string) =>
      texts(await query(cloud, 'iam', { Action: action, Version: '2010-05-08' }), element);
    const rules = await json<{ Rules: { Name: string }[] }>(cloud, 'events', 'AWSEvents.ListRules', {});
    const logs = await json<{ logGroups: { logGroupName: string }[] }>(
      cloud,
      'logs',
      'Logs_20140328.DescribeLogGroups',
      {},
    );
    const queues = await json<{ QueueUrls?: string[] }>(cloud, 'sqs', 'AmazonSQS.ListQueues', {});
    const reservations = (await ec2.send(new DescribeInstancesCommand({}))).Reservations ?? [];
    const instances = reservations.flatMap(({ Instances = [] }) => Instances);
    const vpcs = (await ec2.send(new DescribeVpcsCommand({}))).Vpcs ?? [];
    const ownVpcs = vpcs.filter(({ IsDefault }) => IsDefault !== true).map(({ VpcId }) => VpcId!);
    const groups = (await ec2.send(new DescribeSecurityGroupsCommand({}))).SecurityGroups ?? [];
    const documents = await ssm.send(
      new ListDocumentsCommand({ Filters: [{ Key: 'Owner', Values: ['Self'] }] }),
    );
    return {
      buckets: ((await s3.send(new ListBucketsCommand({}))).Buckets ?? []).map(({ Name }) => Name!),
      roles: await iam('ListRoles', 'RoleName'),
      profiles: await iam('ListInstanceProfiles', 'InstanceProfileName'),
      functions: ((await lambda.send(new ListFunctionsCommand({}))).Functions ?? []).map(
        ({ FunctionName }) => FunctionName!,
      ),
      rules: rules.Rules.map(({ Name }) => Name),
      logs: logs.logGroups.map(({ logGroupName }) => logGroupName),
      queues: queues.QueueUrls ?? [],
      documents: (documents.DocumentIdentifiers ?? []).map(({ Name }) => Name!),
      parameters: (
        (await ssm.send(new GetParametersByPathCommand({ Path: '/lamplighter/', Recursive: true })))
          .Parameters ?? []
      ).map(({ Name }) => Name!),
      instances: instances
        .filter(({ State }) => State?.Name !== 'terminated')
        .map(({ InstanceId }) => InstanceId!),
      disks: ((await ec2.send(new DescribeVolumesCommand({}))).Volumes ?? []).map(
        ({ VolumeId }) => VolumeId!,
      ),
      vpcs: ownVpcs,
      groups: groups
        .filter(({ GroupName, VpcId }) => GroupName !== 'default' || ownVpcs.includes(VpcId!))
        .map(({ GroupName }) => GroupName!),
    };
  }
});

function texts(xml: string, element: string): string[] {
  return [...xml.matchAll(new RegExp(`<${element}>([^<]+)</${element}>`, 'g'))].map(([, text]) => text!);
}

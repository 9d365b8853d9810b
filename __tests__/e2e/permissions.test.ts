import {
  CreateTagsCommand,
  DeleteTagsCommand,
  EC2Client,
  StartInstancesCommand,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2';
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { GetParameterCommand, ListCommandsCommand, SSMClient, SendCommandCommand } from '@aws-sdk/client-ssm';
import { manifestParameterName } from '../../lifecycle/manifest';
import { receiptKey } from '../../lifecycle/job';
import { DeployedPipeline, type Uploaded } from '../support/deployed-pipeline';
import { eventually, hasMoto, json, query } from '../support/local-cloud';
import { type PlannedResource, resourcesIn } from '../support/plan';

const settingsOf = (name: string, networkCidr: string) => ({
  pipelines: [
    {
      name,
      models: ['__tests__/e2e/models/puppet'],
      leaseSeconds: 15,
      lingerSeconds: 0,
      disposable: true,
      networkCidr,
    },
  ],
});

const roles = ['trigger', 'worker', 'stop', 'instance'] as const;
type Role = (typeof roles)[number];

/** SDK clients with a role's temporary credentials. */
interface Hand {
  readonly s3: S3Client;
  readonly ec2: EC2Client;
  readonly ssm: SSMClient;
  readonly lambda: LambdaClient;
}

const story = hasMoto() ? describe : describe.skip;

/**
 * Two pipelines in one account. Each "may not" has a "may" beside it that differs in one thing only. So a cloud that allows
 * everything fails these tests, and so does a cloud that denies everything.
 */
story('two pipelines in one account', () => {
  let left: DeployedPipeline;
  let right: DeployedPipeline;
  let done: Uploaded;
  let hands: Record<Role, Hand>;
  let rights: Record<Role, Hand>;

  beforeAll(async () => {
    left = await DeployedPipeline.deploy(settingsOf('left', '10.71.0.0/24'));
    right = await DeployedPipeline.deploy(settingsOf('right', '10.72.0.0/24'), { beside: left });
    hands = await handsOf(left);
    rights = await handsOf(right);
    // Before any sweep: the trigger is the first to read the gate.
    done = await left.upload('first.txt', 'hello');
    await left.receipt(done);
    await left.cloud.faults.sweepNow();
    await left.comesToRest();
    await right.comesToRest();
  }, 300_000);

  afterAll(() => (left as DeployedPipeline | undefined)?.end());

  async function handsOf(pipeline: DeployedPipeline): Promise<Record<Role, Hand>> {
    const entries = roles.map(async (role) => {
      const xml = await query(pipeline.cloud, 'sts', {
        Action: 'AssumeRole',
        Version: '2011-06-15',
        RoleArn: `arn:aws:iam::123456789012:role/${pipeline.manifest.pipeline}-${role}`,
        RoleSessionName: 'forger',
      });
      const element = (name: string) => new RegExp(`<${name}>([^<]+)<`).exec(xml)![1]!;
      const client = {
        ...pipeline.cloud.client,
        credentials: {
          accessKeyId: element('AccessKeyId'),
          secretAccessKey: element('SecretAccessKey'),
          sessionToken: element('SessionToken'),
        },
      };
      const hand = {
        s3: new S3Client({ ...client, forcePathStyle: true }),
        ec2: new EC2Client(client),
        ssm: new SSMClient(client),
        lambda: new LambdaClient(client),
      };
      return [role, hand] as const;
    });
    return Object.fromEntries(await Promise.all(entries)) as Record<Role, Hand>;
  }

  const put = (hand: Hand, Bucket: string, Key: string, more: object = {}) =>
    hand.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'forged', ...more }));
  /** EC2's answer to a dry run: whether the call would be allowed. */
  const starts = (hand: Hand, { manifest }: DeployedPipeline) =>
    hand.ec2.send(new StartInstancesCommand({ InstanceIds: [manifest.instanceId], DryRun: true }));
  const stops = (hand: Hand, { manifest }: DeployedPipeline) =>
    hand.ec2.send(new StopInstancesCommand({ InstanceIds: [manifest.instanceId], DryRun: true }));
  const tags = (hand: Hand, { manifest }: DeployedPipeline, Key: string, Value: string) =>
    hand.ec2.send(new CreateTagsCommand({ Resources: [manifest.instanceId], Tags: [{ Key, Value }] }));
  const sends = (hand: Hand, DocumentName: string, { manifest }: DeployedPipeline) =>
    hand.ssm.send(new SendCommandCommand({ DocumentName, InstanceIds: [manifest.instanceId] }));

  const allowed = (call: Promise<unknown>) => expect(call).resolves.toBeDefined();
  const wouldBeAllowed = (call: Promise<unknown>) =>
    expect(call).rejects.toMatchObject({ name: 'DryRunOperation' });
  const denied = (call: Promise<unknown>) => expect(call).rejects.toMatchObject({ name: 'AccessDenied' });
  const unauthorized = (call: Promise<unknown>) =>
    expect(call).rejects.toMatchObject({ name: 'UnauthorizedOperation' });
  const refused = (call: Promise<unknown>) =>
    expect(call).rejects.toMatchObject({ name: 'AccessDeniedException' });

  describe('a denied call gets the error of AWS', () => {
    it('by S3, with caller, action and resource', async () => {
      const call = put(hands.instance, left.manifest.dataBucket, 'forged.txt');
      await expect(call).rejects.toMatchObject({
        name: 'AccessDenied',
        $metadata: { httpStatusCode: 403 },
        message:
          'User: arn:aws:sts::123456789012:assumed-role/left-instance/forger is not authorized to perform: s3:PutObject ' +
          `on resource: arn:aws:s3:::${left.manifest.dataBucket}/forged.txt because no identity-based policy allows the ` +
          's3:PutObject action',
      });
    });

    it('by EC2, Systems Manager and Lambda', async () => {
      await expect(stops(hands.trigger, left)).rejects.toMatchObject({
        name: 'UnauthorizedOperation',
        $metadata: { httpStatusCode: 403 },
        message: expect.stringContaining(`ec2:StopInstances on resource: arn:aws:ec2:`) as string,
      });
      await expect(hands.trigger.ssm.send(new ListCommandsCommand({}))).rejects.toMatchObject({
        name: 'AccessDeniedException',
        message: expect.stringContaining('ssm:ListCommands') as string,
      });
      const worker = { FunctionName: left.manifest.functions.worker, InvocationType: 'DryRun' as const };
      await expect(hands.worker.lambda.send(new InvokeCommand(worker))).rejects.toMatchObject({
        name: 'AccessDeniedException',
        $metadata: { httpStatusCode: 403 },
      });
      await allowed(hands.trigger.lambda.send(new InvokeCommand(worker)));
    });

    it('a missing object is answered with 403 instead of 404, without the permission to list', async () => {
      const missing = (Key: string) =>
        new GetObjectCommand({ Bucket: left.manifest.controlBucket, Key, VersionId: 'none' });
      await denied(hands.worker.s3.send(missing('gate.json')));
      const absent = { Bucket: left.manifest.controlBucket, Key: 'claims/none.json' };
      await expect(hands.instance.s3.send(new HeadObjectCommand(absent))).rejects.toMatchObject({
        name: 'NotFound',
      });
    });
  });

  describe('the instance, if a model has taken over its role,', () => {
    it('may read uploads, but not write or delete them', async () => {
      const Bucket = left.manifest.dataBucket;
      const { Versions } = await hands.stop.s3.send(new ListObjectVersionsCommand({ Bucket }));
      const upload = { Bucket, Key: 'first.txt', VersionId: Versions![0]!.VersionId! };
      await allowed(hands.instance.s3.send(new GetObjectCommand(upload)));
      await denied(put(hands.instance, Bucket, 'first.txt'));
      await denied(hands.instance.s3.send(new DeleteObjectCommand({ Bucket, Key: 'first.txt' })));
      await denied(hands.instance.s3.send(new DeleteObjectCommand(upload)));
      const Delete = { Objects: [{ Key: 'first.txt' }] };
      await denied(hands.instance.s3.send(new DeleteObjectsCommand({ Bucket, Delete })));
    });

    it('may not start, stop or tag an instance, not even itself', async () => {
      await unauthorized(stops(hands.instance, left));
      await wouldBeAllowed(stops(hands.stop, left));
      await unauthorized(starts(hands.instance, left));
      await wouldBeAllowed(starts(hands.trigger, left));
      await unauthorized(tags(hands.instance, left, 'lamplighter:phase', 'forged'));
    });

    it('may not read or write the other pipeline’s buckets', async () => {
      await right.upload('image.png', 'not for this model');
      const Bucket = right.manifest.dataBucket;
      const { Versions } = await rights.stop.s3.send(new ListObjectVersionsCommand({ Bucket }));
      const theirs = { Bucket, Key: 'image.png', VersionId: Versions![0]!.VersionId! };
      await denied(hands.instance.s3.send(new GetObjectCommand(theirs)));
      await allowed(rights.instance.s3.send(new GetObjectCommand(theirs)));
      for (const [bucket, key] of [
        [right.manifest.controlBucket, 'status/forged.json'],
        [right.manifest.outputBucket, `results/x/${'0'.repeat(64)}/attempt-1/forged`],
      ] as const) {
        await denied(put(hands.instance, bucket, key));
        await allowed(put(rights.instance, bucket, key));
      }
    });

    it('may create a receipt, but not replace or delete it', async () => {
      const Bucket = left.manifest.outputBucket;
      const key = receiptKey(done.key, done.jobId);
      const before = await left.text(Bucket, key);
      await denied(put(hands.instance, Bucket, key));
      await denied(hands.instance.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: key })));
      await denied(hands.instance.s3.send(new DeleteObjectCommand({ Bucket, Key: key })));
      // The policy allows this call. S3 refuses it, because the receipt exists.
      await expect(put(hands.instance, Bucket, key, { IfNoneMatch: '*' })).rejects.toMatchObject({
        name: 'PreconditionFailed',
      });
      const another = receiptKey('other.txt', 'f'.repeat(64));
      await allowed(put(hands.instance, Bucket, another, { IfNoneMatch: '*' }));
      await allowed(put(hands.instance, Bucket, another.replace('receipt.json', 'attempt-1/receipt.json')));
      expect(await left.text(Bucket, key)).toBe(before);
    });

    it.each(['gate.json', 'models/puppet/model.zip', 'runner/runner.mjs', 'audit.json', 'open/x.json'])(
      'may not write %s, which decides what runs',
      async (key) => {
        const Bucket = left.manifest.controlBucket;
        await denied(put(hands.instance, Bucket, key));
        await allowed(put(hands.instance, Bucket, 'status/forged.json'));
      },
    );

    it('may not read the account’s parameters, or assume another role', async () => {
      const manifest = new GetParameterCommand({ Name: manifestParameterName('left') });
      await refused(hands.instance.ssm.send(manifest));
      await allowed(new SSMClient(left.cloud.client).send(manifest));
    });
  });

  describe('a function', () => {
    it('that is trigger may start the instance, but not stop it', async () => {
      await unauthorized(stops(hands.trigger, left));
      await wouldBeAllowed(starts(hands.trigger, left));
    });

    it('that is stop may start and stop its own instance, but not the other pipeline’s', async () => {
      await wouldBeAllowed(starts(hands.stop, left));
      await wouldBeAllowed(stops(hands.stop, left));
      await unauthorized(starts(hands.stop, right));
      await unauthorized(stops(hands.stop, right));
      await wouldBeAllowed(starts(rights.stop, right));
    });

    it('that is worker may neither start nor stop an instance, nor read a bucket', async () => {
      await unauthorized(starts(hands.worker, left));
      await unauthorized(stops(hands.worker, left));
      const gate = new GetObjectCommand({ Bucket: left.manifest.controlBucket, Key: 'gate.json' });
      await denied(hands.worker.s3.send(gate));
      await allowed(hands.trigger.s3.send(gate));
    });

    it('that is worker may send its own document to its own instance, and nothing else', async () => {
      await refused(sends(hands.worker, 'AWS-RunShellScript', left));
      await refused(sends(hands.worker, right.manifest.document, left));
      await refused(sends(hands.worker, left.manifest.document, right));
      // The instance is off. Only a caller with the permission to send gets that answer.
      await expect(sends(hands.worker, left.manifest.document, left)).rejects.toMatchObject({
        name: 'InvalidInstanceId',
      });
    });

    it('that is trigger or stop may admit a job, but not change it', async () => {
      for (const hand of [hands.trigger, hands.stop]) {
        const Bucket = left.manifest.controlBucket;
        await allowed(put(hand, Bucket, 'open/forged.json', { IfNoneMatch: '*' }));
        await denied(put(hand, Bucket, 'open/forged.json'));
        await hands.stop.s3.send(new DeleteObjectCommand({ Bucket, Key: 'open/forged.json' }));
      }
      await denied(
        hands.trigger.s3.send(
          new DeleteObjectCommand({ Bucket: left.manifest.controlBucket, Key: 'open/forged.json' }),
        ),
      );
    });
  });

  describe('nobody', () => {
    it.each(roles)('may tag an instance into the pipeline: %s', async (role) => {
      for (const pipeline of [left, right]) {
        await unauthorized(tags(hands[role], pipeline, 'lamplighter:pipeline', 'left'));
        await unauthorized(
          hands[role].ec2.send(
            new DeleteTagsCommand({
              Resources: [pipeline.manifest.instanceId],
              Tags: [{ Key: 'lamplighter:pipeline' }],
            }),
          ),
        );
      }
      await allowed(tags(hands.trigger, left, 'lamplighter:phase', 'stopped'));
      await unauthorized(tags(hands.trigger, right, 'lamplighter:phase', 'stopped'));
    });

    it('may stop an instance without the pipeline’s tag, whatever its ARN', async () => {
      const operator = new EC2Client(left.cloud.client);
      const tag = { Key: 'lamplighter:pipeline', Value: 'left' };
      const Resources = [left.manifest.instanceId];
      await operator.send(new DeleteTagsCommand({ Resources, Tags: [{ Key: tag.Key }] }));
      await unauthorized(stops(hands.stop, left));
      await operator.send(new CreateTagsCommand({ Resources, Tags: [tag] }));
      await wouldBeAllowed(stops(hands.stop, left));
    });

    it.each(roles)('may assume another role or change a policy: %s', async (role) => {
      const { credentials } = hands[role].s3.config;
      const { accessKeyId } = await credentials();
      const as = { ...left.cloud, credentials: { ...left.cloud.credentials, accessKeyId } };
      const assume = { Action: 'AssumeRole', Version: '2011-06-15', RoleSessionName: 'forger' };
      const RoleArn = 'arn:aws:iam::123456789012:role/right-stop';
      await expect(query(as, 'sts', { ...assume, RoleArn })).rejects.toThrow(/AccessDenied.*sts:AssumeRole/s);
      const grant = { Action: 'PutRolePolicy', Version: '2010-05-08', RoleName: `left-${role}` };
      await expect(
        query(as, 'iam', { ...grant, PolicyName: 'forged', PolicyDocument: '{}' }),
      ).rejects.toThrow(/AccessDenied.*iam:PutRolePolicy/s);
    });

    it('may read a bucket without credentials', async () => {
      const url = `${left.cloud.endpoint}/${left.manifest.outputBucket}/${receiptKey(done.key, done.jobId)}`;
      const answer = await fetch(url);
      expect([answer.status, await answer.text()]).toEqual([
        403,
        expect.stringContaining('User: anonymous is not authorized to perform: s3:GetObject'),
      ]);
      await allowed(
        hands.stop.s3.send(
          new GetObjectCommand({
            Bucket: left.manifest.outputBucket,
            Key: receiptKey(done.key, done.jobId),
          }),
        ),
      );
    });
  });

  describe('the permissions suffice', () => {
    it('for the receipt, once, of an upload that is deleted before its turn', async () => {
      const operator = new EC2Client(left.cloud.client);
      const Resources = [left.manifest.instanceId];
      await operator.send(
        new CreateTagsCommand({ Resources, Tags: [{ Key: 'lamplighter:pause', Value: 'x' }] }),
      );
      const job = await left.upload('deleted.txt', 'hello');
      const control = left.manifest.controlBucket;
      const open = `open/${job.jobId}.json`;
      const record = await eventually('its admission', () => left.text(control, open));
      const s3 = new S3Client({ ...left.cloud.client, forcePathStyle: true });
      const upload = { Bucket: left.manifest.dataBucket, Key: job.key };
      const { Versions } = await s3.send(
        new ListObjectVersionsCommand({ Bucket: upload.Bucket, Prefix: job.key }),
      );
      await s3.send(new DeleteObjectCommand({ ...upload, VersionId: Versions![0]!.VersionId! }));
      await operator.send(new DeleteTagsCommand({ Resources, Tags: [{ Key: 'lamplighter:pause' }] }));
      await left.cloud.faults.sweepNow();
      expect(await left.receipt(job)).toMatchObject({ outcome: 'failed' });
      await left.comesToRest();
      await left.isQuiet();
      // As if the drain had died between the receipt and this write. No job is left to run.
      const { startCalls } = left.cloud.faults;
      await left.writeControl(open, record);
      await left.cloud.faults.sweepNow();
      await left.comesToRest();
      expect(left.cloud.faults.startCalls).toBe(startCalls);
    }, 180_000);

    it('to run an upload without a gate, as on the first day', async () => {
      const s3 = new S3Client({ ...left.cloud.client, forcePathStyle: true });
      // A settle that is still running would write the gate again.
      await left.isQuiet();
      await s3.send(new DeleteObjectCommand({ Bucket: left.manifest.controlBucket, Key: 'gate.json' }));
      expect(await left.receipt(await left.upload('gateless.txt', 'hello'))).toMatchObject({
        outcome: 'succeeded',
      });
      await left.comesToRest();
    }, 180_000);

    it.each(['trigger', 'worker', 'stop'] as const)(
      'an event that %s cannot handle is kept in the queue',
      async (name) => {
        const { QueueUrl } = await json<{ QueueUrl: string }>(left.cloud, 'sqs', 'AmazonSQS.GetQueueUrl', {
          QueueName: 'left-failures',
        });
        const lambda = new LambdaClient(left.cloud.client);
        const FunctionName = left.manifest.functions[name];
        // A broken deploy. The worker ignores its event, but even the worker fails without its settings.
        const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
        const set = (Variables: Record<string, string>) =>
          lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
        await set({});
        await lambda.send(
          new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload: '"neither event nor order"' }),
        );
        const body = await eventually('the failed event', async () => {
          const receive = { QueueUrl, VisibilityTimeout: 0, MaxNumberOfMessages: 10 };
          const { Messages = [] } = await json<{ Messages?: { Body: string }[] }>(
            left.cloud,
            'sqs',
            'AmazonSQS.ReceiveMessage',
            receive,
          );
          const isOurs = ({ Body }: { Body: string }) =>
            Body.includes(`:function:${FunctionName}:`) && Body.includes('neither event nor order');
          return Messages.find(isOurs)?.Body;
        });
        await set(Environment!.Variables!);
        expect(JSON.parse(body)).toMatchObject({ requestPayload: 'neither event nor order' });
      },
      60_000,
    );
  });

  it('work side by side and change nothing of each other', async () => {
    const states = (id: string) =>
      left.cloud.events.filter((e) => e.kind === 'instance' && e.instanceId === id).length;
    const before = states(right.manifest.instanceId);
    await left.receipt(await left.upload('mine.txt', 'hello'));
    await left.comesToRest();
    expect(states(right.manifest.instanceId)).toBe(before);
    expect(left.cloud.faults.invocations('right-trigger')).toBe(1);
    const jobs = await Promise.all([left.upload('same.txt', 'sleep 1'), right.upload('same.txt', 'sleep 1')]);
    const receipts = [await left.receipt(jobs[0]), await right.receipt(jobs[1])];
    expect(receipts.map(({ outcome, input }) => [outcome, input.bucket])).toEqual([
      ['succeeded', left.manifest.dataBucket],
      ['succeeded', right.manifest.dataBucket],
    ]);
    for (const [pipeline, own] of [
      [left, jobs[0]],
      [right, jobs[1]],
    ] as const) {
      await pipeline.comesToRest();
      const results = await pipeline.keys(pipeline.manifest.outputBucket, 'results/same.txt/');
      expect(results.length).toBeGreaterThan(1);
      for (const key of results) expect(key).toContain(`/${own.jobId}/`);
    }
  }, 120_000);

  it('no part of either was denied a call that it needs', () => {
    const own = left.cloud.events.filter(
      (event) => event.kind === 'denied' && !event.text.includes('/forger '),
    );
    expect(own.filter(({ text }) => !text.startsWith('User: anonymous'))).toEqual([]);
  });

  describe('in Terraform’s plan', () => {
    let resources: PlannedResource[];
    beforeAll(async () => {
      resources = resourcesIn(await left.planAsJson());
    }, 180_000);

    const of = (type: string) =>
      resources.filter((resource) => resource.type === type).map(({ values }) => values);

    it('have each bucket private, TLS only, encrypted and versioned', () => {
      const buckets = of('aws_s3_bucket').map(({ bucket }) => bucket);
      expect(buckets).toHaveLength(3);
      for (const bucket of buckets) {
        const own = (type: string) => of(type).filter((values) => values.bucket === bucket);
        expect(own('aws_s3_bucket_public_access_block')).toEqual([
          expect.objectContaining({
            block_public_acls: true,
            block_public_policy: true,
            ignore_public_acls: true,
            restrict_public_buckets: true,
          }),
        ]);
        const [policy] = own('aws_s3_bucket_policy');
        expect(JSON.parse(String(policy!.policy))).toMatchObject({
          Statement: [
            {
              Effect: 'Deny',
              Principal: '*',
              Resource: [`arn:aws:s3:::${String(bucket)}`, `arn:aws:s3:::${String(bucket)}/*`],
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            },
          ],
        });
        expect(own('aws_s3_bucket_server_side_encryption_configuration')).toHaveLength(1);
        expect(own('aws_s3_bucket_versioning')).toMatchObject([
          { versioning_configuration: [{ status: 'Enabled' }] },
        ]);
        expect(own('aws_s3_bucket_notification').length).toBeLessThanOrEqual(1);
      }
      expect(of('aws_s3_bucket_notification')).toHaveLength(2);
    });

    it('give no access to the instance: no inbound rule, no key pair, no IMDSv1', () => {
      const [instance, ...others] = of('aws_instance');
      expect(others).toEqual([]);
      expect(instance).toMatchObject({
        key_name: '',
        metadata_options: [{ http_tokens: 'required', http_put_response_hop_limit: 1 }],
        root_block_device: [{ encrypted: true }],
      });
      expect(of('aws_security_group')).toMatchObject([{ ingress: [] }]);
      expect(of('aws_vpc_security_group_ingress_rule')).toEqual([]);
    });

    it('allow only their own buckets and rules to call a function', () => {
      const permissions = of('aws_lambda_permission');
      expect(permissions).toHaveLength(5);
      for (const { principal, source_arn, source_account } of permissions) {
        if (principal === 's3.amazonaws.com') {
          expect(source_arn).toMatch(/^arn:aws:s3:::left-(data|output)-/);
          expect(source_account).toBe('123456789012');
        } else {
          expect(source_arn).toMatch(/^arn:aws:events:eu-central-1:123456789012:rule\/left-/);
          // EventBridge sends no source account: with that condition, no rule could call the function.
          expect(source_account).toBeNull();
        }
      }
    });

    it('grant each role the same as in the other pipeline, on its own resources only', () => {
      const policies = of('aws_iam_role_policy');
      expect(policies).toHaveLength(7);
      for (const { policy } of policies) {
        const { Statement } = JSON.parse(String(policy)) as { Statement: { Resource: string[] }[] };
        for (const resource of Statement.flatMap(({ Resource }) => Resource)) {
          expect(resource).toMatch(/^\*$|left-|\/left\/|instance\/(\*|i-[0-9a-f]+)$/);
        }
        expect(String(policy)).not.toContain(right.manifest.instanceId);
      }
    });

    it('let each log expire', () => {
      const days = of('aws_cloudwatch_log_group').map(({ retention_in_days }) => retention_in_days);
      expect(days).toEqual([30, 30, 30, 30]);
    });
  });
});

import {
  AttachInternetGatewayCommand,
  CreateInternetGatewayCommand,
  CreateRouteCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeInstancesCommand,
  DescribeRouteTablesCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { DeployedPipeline } from '../support/deployed-pipeline';
import { type CloudUnderTest, hasMoto, json, makeRole, query } from '../support/local-cloud';

const ACCOUNT = '123456789012';
const STATE = { bucket: 'our-states', key: 'lamplighter/company.tfstate' };

const region = { CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' as const } };

/** A company's account: a network, a key, a permissions boundary, a role that deploys, a bucket for Terraform's states. */
async function settingsOfAccount(cloud: CloudUnderTest) {
  const ec2 = new EC2Client(cloud.client);
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: '10.1.0.0/16' }));
  await connect(ec2, Vpc!.VpcId!);
  const subnetIn = async (CidrBlock: string) => {
    const { Subnet } = await ec2.send(new CreateSubnetCommand({ VpcId: Vpc!.VpcId!, CidrBlock }));
    return Subnet!.SubnetId!;
  };
  const { KeyMetadata } = await json<{ KeyMetadata: { Arn: string } }>(
    cloud,
    'kms',
    'TrentService.CreateKey',
    {},
  );
  const boundary = await query(cloud, 'iam', {
    Action: 'CreatePolicy',
    Version: '2010-05-08',
    PolicyName: 'boundary',
    PolicyDocument: EVERYTHING,
  });
  await new S3Client({ ...cloud.client, forcePathStyle: true }).send(
    new CreateBucketCommand({ Bucket: STATE.bucket, ...region }),
  );
  const settings = {
    name: 'company',
    models: ['__tests__/e2e/models/puppet'],
    leaseSeconds: 15,
    lingerSeconds: 0,
    disposable: true,
    accountId: ACCOUNT,
    deployRoleArn: await makeDeployer(cloud),
    permissionsBoundaryArn: /<Arn>([^<]+)<\/Arn>/.exec(boundary)![1]!,
    state: { bucket: STATE.bucket },
    vpcId: Vpc!.VpcId!,
    subnetIds: [await subnetIn('10.1.1.0/24'), await subnetIn('10.1.2.0/24')],
    kmsKeyArn: KeyMetadata.Arn,
    image: { name: 'al2023-ami-minimal-*-x86_64', owner: '137112412989' },
  };
  return { pipelines: [settings] };
}

/** Gives a network the way to the internet that the SSM agent needs. */
async function connect(ec2: EC2Client, VpcId: string): Promise<void> {
  const { InternetGateway } = await ec2.send(new CreateInternetGatewayCommand({}));
  const GatewayId = InternetGateway!.InternetGatewayId!;
  await ec2.send(new AttachInternetGatewayCommand({ VpcId, InternetGatewayId: GatewayId }));
  const Filters = [{ Name: 'vpc-id', Values: [VpcId] }];
  const { RouteTables } = await ec2.send(new DescribeRouteTablesCommand({ Filters }));
  const { RouteTableId } = RouteTables![0]!;
  await ec2.send(new CreateRouteCommand({ RouteTableId, GatewayId, DestinationCidrBlock: '0.0.0.0/0' }));
}

/** A role that may do everything: the account, not Lamplighter, sets the permissions of a deployer. */
async function makeDeployer(cloud: CloudUnderTest): Promise<string> {
  const arn = await makeRole(cloud, 'deploy');
  await query(cloud, 'iam', {
    Action: 'PutRolePolicy',
    Version: '2010-05-08',
    RoleName: 'deploy',
    PolicyName: 'everything',
    PolicyDocument: EVERYTHING,
  });
  return arn;
}

const EVERYTHING = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
});

/** As on AWS: all resources are deployed, and the settings name the place of the state. */
const asOnAws = { LAMPLIGHTER_CLOUD: 'aws', TF_CLI_ARGS_init: '-reconfigure' };

(hasMoto() ? describe : describe.skip)('a pipeline in an account as a company has it', () => {
  let pipeline: DeployedPipeline;
  let s3: S3Client;
  let settings: Awaited<ReturnType<typeof settingsOfAccount>>['pipelines'][0];

  beforeAll(async () => {
    pipeline = await DeployedPipeline.deploy(
      async (cloud) => {
        const context = await settingsOfAccount(cloud);
        [settings] = context.pipelines as [typeof settings];
        return context;
      },
      { variables: asOnAws },
    );
    s3 = new S3Client({ ...pipeline.cloud.client, forcePathStyle: true });
    await pipeline.cloud.faults.sweepNow();
    await pipeline.comesToRest();
  }, 300_000);

  afterAll(() => (pipeline as DeployedPipeline | undefined)?.end());

  it('gives an upload its receipt', async () => {
    const job = await pipeline.upload('one.txt', 'hello');
    expect((await pipeline.receipt(job)).outcome).toBe('succeeded');
    await pipeline.comesToRest();
  }, 120_000);

  it('has its instance in the first subnet, from the image in the settings', async () => {
    const { Reservations } = await new EC2Client(pipeline.cloud.client).send(
      new DescribeInstancesCommand({ InstanceIds: [pipeline.manifest.instanceId] }),
    );
    const instance = Reservations![0]!.Instances![0]!;
    expect(instance).toMatchObject({ SubnetId: settings.subnetIds[0], VpcId: settings.vpcId });
    expect(instance.ImageId).toMatch(/^ami-/);
  });

  it.each(['company-trigger', 'company-worker', 'company-stop', 'company-instance'])(
    'bounds the role %s',
    async (RoleName) => {
      const xml = await query(pipeline.cloud, 'iam', { Action: 'GetRole', Version: '2010-05-08', RoleName });
      expect(xml).toContain(
        `<PermissionsBoundaryArn>${settings.permissionsBoundaryArn}</PermissionsBoundaryArn>`,
      );
    },
  );

  it('encrypts buckets, disk and logs with the key', async () => {
    const { outputBucket } = pipeline.manifest;
    const [Key] = await pipeline.keys(outputBucket, 'results/');
    expect(await s3.send(new GetObjectCommand({ Bucket: outputBucket, Key: Key! }))).toMatchObject({
      ServerSideEncryption: 'aws:kms',
      SSEKMSKeyId: settings.kmsKeyArn,
    });
  });

  it('keeps its state in the bucket only, and has an empty Terraform plan', async () => {
    const state = JSON.parse((await pipeline.text(STATE.bucket, STATE.key))!) as { resources: unknown[] };
    expect(state.resources.length).toBeGreaterThan(40);
    const { code, output } = await pipeline.plan();
    expect(output).toContain('No changes.');
    expect(code).toBe(0);
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: STATE.bucket }));
    expect(Contents!.map(({ Key }) => Key)).toEqual([STATE.key]);
  }, 120_000);

  it('refuses a deploy during another deploy', async () => {
    const lock = { Bucket: STATE.bucket, Key: `${STATE.key}.tflock` };
    const Body = JSON.stringify({
      ID: '01234567-89ab-cdef-0123-456789abcdef',
      Who: 'a colleague',
      Operation: 'apply',
    });
    await s3.send(new PutObjectCommand({ ...lock, Body }));
    const { code, output } = await pipeline.plan();
    await s3.send(new DeleteObjectCommand(lock));
    expect(code).toBe(1);
    expect(output).toContain('Error acquiring the state lock');
    expect(output).toContain('a colleague');
  }, 120_000);

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'another account',
      { accountId: '210987654321', deployRoleArn: undefined, permissionsBoundaryArn: undefined },
      /AWS account ID not allowed: 123456789012/,
    ],
    [
      'an image of another architecture',
      { image: { name: 'al2023-ami-minimal-*-arm64', owner: '137112412989' } },
      /which is for arm64,\s+but c7i\.large is x86_64; change image or instanceType/,
    ],
    [
      'a disk that is too small for the image',
      { diskGiB: 8, image: 'ami-12c6146b' },
      /The setting diskGiB of company is 8, but the image/,
    ],
    [
      'a subnet of another VPC',
      { vpcId: 'vpc-0123456789abcdef0' },
      /allowed is a subnet of vpc-0123456789abcdef0, which is the setting vpcId/,
    ],
  ])(
    'refuses %s before it changes anything',
    async (_what, other, problem) => {
      const { code, output } = await pipeline.planWith({ pipelines: [{ ...settings, ...other }] });
      expect(output.replace(/[│╷╵]/g, '').replace(/\s+/g, ' ')).toMatch(problem);
      expect(code).toBe(1);
    },
    120_000,
  );
});

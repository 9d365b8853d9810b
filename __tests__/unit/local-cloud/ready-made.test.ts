import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forgetReadyMade, makeReady } from '../../../local-cloud/ready-made';
import { RecordingServer } from '../../support/recording-server';

const bucket = {
  bucket: 'p-data-${data.aws_caller_identity.current.account_id}',
  force_destroy: false,
  lifecycle: { prevent_destroy: true },
};
const expiry = {
  bucket: '${aws_s3_bucket.data.bucket}',
  rule: [
    {
      id: 'old',
      status: 'Enabled',
      filter: [{ prefix: 'open/' }],
      expiration: [{ expired_object_delete_marker: true }],
      noncurrent_version_expiration: [{ noncurrent_days: 30 }],
    },
  ],
};

describe('resources that are made before Terraform', () => {
  const server = new RecordingServer((body) =>
    body.includes('CreateVpc') ? '<vpcId>vpc-1</vpcId>' : '<subnetId>subnet-1</subnetId>',
  );
  beforeAll(() => server.listen());
  afterAll(() => server.close());
  beforeEach(() => server.forget());

  /** Makes the resources of a stack. Returns the import ids by address. */
  async function ready(resource: object): Promise<Record<string, string>> {
    const folder = mkdtempSync(join(tmpdir(), 'ready made '));
    mkdirSync(folder, { recursive: true });
    const provider = { aws: [{ region: 'eu-central-1', default_tags: [{ tags: { Project: 'p' } }] }] };
    writeFileSync(join(folder, 'cdk.tf.json'), JSON.stringify({ provider, resource }));
    await makeReady(folder, server.endpoint);
    const file = join(folder, 'ready-made.tf.json');
    const { import: imports } = JSON.parse(readFileSync(file, 'utf8')) as {
      import: { to: string; id: string }[];
    };
    await forgetReadyMade(folder);
    expect(existsSync(file)).toBe(false);
    return Object.fromEntries(imports.map(({ to, id }) => [to, id]));
  }

  it('are a bucket and its lifecycle rules, with the account’s number in the name', async () => {
    const imports = await ready({
      aws_s3_bucket_lifecycle_configuration: { data: expiry },
      aws_s3_bucket: { data: bucket },
    });
    expect(imports).toEqual({
      'aws_s3_bucket.data': 'p-data-123456789012',
      'aws_s3_bucket_lifecycle_configuration.data': 'p-data-123456789012',
    });
    expect(server.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
      'PUT /p-data-123456789012',
      'PUT /p-data-123456789012?tagging',
      'PUT /p-data-123456789012?lifecycle',
    ]);
    expect(server.requests[2]!.body).toContain(
      '<Rule><ID>old</ID><Filter><Prefix>open/</Prefix></Filter><Status>Enabled</Status>' +
        '<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>' +
        '<NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays></NoncurrentVersionExpiration></Rule>',
    );
  });

  it('are a subnet in its network, with the tags that Terraform would set', async () => {
    const imports = await ready({
      aws_vpc: { own: { cidr_block: '10.0.0.0/24', enable_dns_support: true, tags: { Name: 'p' } } },
      aws_subnet: {
        own: { vpc_id: '${aws_vpc.own.id}', cidr_block: '10.0.0.0/24', map_public_ip_on_launch: true },
      },
    });
    expect(imports).toEqual({ 'aws_vpc.own': 'vpc-1', 'aws_subnet.own': 'subnet-1' });
    const fields = server.requests.map(({ body }) => Object.fromEntries(new URLSearchParams(body)));
    expect(fields[0]).toMatchObject({
      ...{ Action: 'CreateVpc', 'TagSpecification.1.Tag.1.Key': 'Project' },
      'TagSpecification.1.Tag.2.Value': 'p',
    });
    expect(fields.at(-2)).toMatchObject({ Action: 'CreateSubnet', VpcId: 'vpc-1' });
    expect(fields.at(-1)).toMatchObject({ SubnetId: 'subnet-1', 'MapPublicIpOnLaunch.Value': 'true' });
  });

  it('are an instance profile with its role, and no other role', async () => {
    const assume_role_policy = '{}';
    const imports = await ready({
      aws_iam_role: { machine: { name: 'm', assume_role_policy }, stop: { name: 's', assume_role_policy } },
      aws_iam_instance_profile: { machine: { name: 'm', role: '${aws_iam_role.machine.name}' } },
    });
    expect(imports).toEqual({ 'aws_iam_role.machine': 'm', 'aws_iam_instance_profile.machine': 'm' });
  });

  it('are not those whose attributes are unknown here: Terraform makes them, and what refers to them', async () => {
    const own = { ...bucket, bucket_prefix: 'x' };
    const imports = await ready({
      aws_s3_bucket: { data: own, other: { bucket: '${random_id.some.hex}' } },
      aws_s3_bucket_lifecycle_configuration: { data: expiry },
    });
    expect(imports).toEqual({});
    expect(server.requests).toEqual([]);
  });

  it('are not those that the cloud refuses', async () => {
    server.status = 409;
    expect(await ready({ aws_s3_bucket: { data: bucket } })).toEqual({});
  });
});

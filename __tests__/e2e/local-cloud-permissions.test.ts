import {
  CreateBucketCommand,
  DeleteBucketPolicyCommand,
  GetObjectCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { z } from 'zod';
import { Store } from '../../lifecycle/store';
import {
  type CloudUnderTest,
  allowRole,
  eventually,
  hasMoto,
  makeRole,
  query,
  startCloud,
} from '../support/local-cloud';

const IAM = { Version: '2010-05-08' };
const ACCOUNT = '123456789012';

(hasMoto() ? describe : describe.skip)('permissions in the local cloud', () => {
  let cloud: CloudUnderTest;
  let operator: S3Client;
  let hand: S3Client;

  const objects = { Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['arn:aws:s3:::shelf/*'] };
  const get = (client: S3Client, Key = 'book') => client.send(new GetObjectCommand({ Bucket: 'shelf', Key }));
  const denied = (call: Promise<unknown>) => expect(call).rejects.toMatchObject({ name: 'AccessDenied' });
  const allowed = (call: Promise<unknown>) => expect(call).resolves.toBeDefined();

  beforeAll(async () => {
    cloud = await startCloud();
    operator = new S3Client({ ...cloud.client, forcePathStyle: true });
    await operator.send(new CreateBucketCommand({ Bucket: 'shelf' }));
    await operator.send(new PutObjectCommand({ Bucket: 'shelf', Key: 'book', Body: 'text' }));
    const RoleArn = await makeRole(cloud, 'reader');
    const xml = await query(cloud, 'sts', {
      Action: 'AssumeRole',
      Version: '2011-06-15',
      RoleArn,
      RoleSessionName: 'hand',
    });
    const element = (name: string) => new RegExp(`<${name}>([^<]+)<`).exec(xml)![1]!;
    hand = new S3Client({
      ...cloud.client,
      forcePathStyle: true,
      credentials: {
        accessKeyId: element('AccessKeyId'),
        secretAccessKey: element('SecretAccessKey'),
        sessionToken: element('SessionToken'),
      },
    });
  }, 60_000);

  afterAll(() => (cloud as CloudUnderTest | undefined)?.end());

  test('a permission that is given or taken away has effect from the next call', async () => {
    await denied(get(hand));
    await allowRole(cloud, 'reader', [objects]);
    await allowed(get(hand));
    await query(cloud, 'iam', {
      ...IAM,
      Action: 'DeleteRolePolicy',
      RoleName: 'reader',
      PolicyName: 'permissions',
    });
    await denied(get(hand));
    await allowRole(cloud, 'reader', [objects]);
  });

  test('a managed policy has effect while it is attached', async () => {
    const attach = (Action: string) =>
      query(cloud, 'iam', {
        ...IAM,
        Action,
        RoleName: 'reader',
        PolicyArn: 'arn:aws:iam::aws:policy/AmazonS3FullAccess',
      });
    const write = () => hand.send(new PutObjectCommand({ Bucket: 'shelf', Key: 'new', Body: 'x' }));
    await denied(write());
    await attach('AttachRolePolicy');
    await allowed(write());
    await attach('DetachRolePolicy');
    await denied(write());
  });

  test('a permissions boundary limits the role’s policies', async () => {
    const policyDocument = (key: string) =>
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: `arn:aws:s3:::shelf/${key}` }],
      });
    for (const [PolicyName, key] of [
      ['wide', '*'],
      ['narrow', 'other'],
    ] as const) {
      await query(cloud, 'iam', {
        ...IAM,
        Action: 'CreatePolicy',
        PolicyName,
        PolicyDocument: policyDocument(key),
      });
    }
    const limit = (name: string) =>
      query(cloud, 'iam', {
        ...IAM,
        Action: 'PutRolePermissionsBoundary',
        RoleName: 'reader',
        PermissionsBoundary: `arn:aws:iam::${ACCOUNT}:policy/${name}`,
      });
    await limit('wide');
    await allowed(get(hand));
    await limit('narrow');
    await expect(get(hand)).rejects.toThrow(/because no permissions boundary allows/);
    await query(cloud, 'iam', { ...IAM, Action: 'DeleteRolePermissionsBoundary', RoleName: 'reader' });
    await allowed(get(hand));
  });

  test('a bucket’s policy can deny, and can allow', async () => {
    const Policy = (Effect: string, Principal: unknown, Condition: object) =>
      operator.send(
        new PutBucketPolicyCommand({
          Bucket: 'shelf',
          Policy: JSON.stringify({
            Version: '2012-10-17',
            Statement: [
              { Effect, Principal, Action: 's3:GetObject', Resource: 'arn:aws:s3:::shelf/*', Condition },
            ],
          }),
        }),
      );
    const unsigned = async () => (await fetch(`${cloud.endpoint}/shelf/book`)).text();
    // Policies see the local cloud's HTTP as TLS.
    await Policy('Deny', '*', { Bool: { 'aws:SecureTransport': 'false' } });
    await allowed(get(hand));
    await Policy('Deny', { AWS: `arn:aws:iam::${ACCOUNT}:role/reader` }, {});
    await expect(get(hand)).rejects.toThrow(/with an explicit deny in a resource-based policy/);
    expect(await unsigned()).toContain('because no resource-based policy allows');
    await Policy('Allow', '*', {});
    // moto then checks the object's ACL.
    expect(await unsigned()).not.toContain('User: anonymous is not authorized');
    await operator.send(new DeleteBucketPolicyCommand({ Bucket: 'shelf' }));
    expect(await unsigned()).toContain('User: anonymous is not authorized to perform: s3:GetObject');
    await allowed(get(hand));
  });

  test('a list with a delimiter needs the permission for its prefix, and gives the names below it', async () => {
    const store = (client: S3Client) => new Store(client, 'shelf');
    const put = (Key: string) => operator.send(new PutObjectCommand({ Bucket: 'shelf', Key, Body: 'x' }));
    for (const key of ['attempt-1/a', 'attempt-1/b/c', 'attempt-2/a', 'receipt.json']) {
      await put(`results/a b+ü/x/${key}`);
      await put(`results/new\nline/x/${key}`);
    }
    await denied(store(hand).names('results/a b+ü/x/'));
    const list = {
      Effect: 'Allow',
      Action: ['s3:ListBucket'],
      Resource: ['arn:aws:s3:::shelf'],
      Condition: { StringLikeIfExists: { 's3:prefix': ['results/*'] } },
    };
    await allowRole(cloud, 'reader', [objects, list]);
    for (const prefix of ['results/a b+ü/x/', 'results/new\nline/x/']) {
      const names = ['attempt-1/', 'attempt-2/', 'receipt.json'];
      expect((await store(hand).names(prefix)).sort()).toEqual(names);
    }
    await denied(store(hand).names('other/'));
    await allowRole(cloud, 'reader', [objects]);
  });

  test('an object’s metadata is read as it was written, by a create and by a replace', async () => {
    const store = new Store(operator, 'shelf');
    const metadata = { 'max-attempts': '3', machine: 'i-1', 'launched-at': '2030-01-01T00:00:00.000Z' };
    expect(await store.create('claim', { a: 1 }, metadata)).toBe(true);
    const created = await store.read('claim', z.object({ a: z.number() }));
    expect(created).toMatchObject({ metadata, lastModified: expect.any(Date) as Date });
    await store.replace('claim', { a: 2 }, created.etag, { ...metadata, machine: 'i-2' });
    expect((await store.get('claim', z.object({ a: z.number() })))!.metadata).toEqual({
      ...metadata,
      machine: 'i-2',
    });
  });

  test('a missing key is 403 without the permission to list, and 404 with it', async () => {
    await denied(get(hand, 'missing'));
    const list = { Effect: 'Allow', Action: ['s3:ListBucket'], Resource: ['arn:aws:s3:::shelf'] };
    await allowRole(cloud, 'reader', [objects, list]);
    await expect(get(hand, 'missing')).rejects.toMatchObject({ name: 'NoSuchKey' });
  });

  test('a large upload that is denied is refused, and does not hang', async () => {
    const body = Buffer.alloc(8 * 2 ** 20);
    await denied(hand.send(new PutObjectCommand({ Bucket: 'shelf', Key: 'large', Body: body })));
    await allowed(operator.send(new PutObjectCommand({ Bucket: 'shelf', Key: 'large', Body: body })));
  });

  test('an agent whose role may not register never comes up, and a warning has the reason', async () => {
    await makeRole(cloud, 'mute');
    const profile = { ...IAM, InstanceProfileName: 'mute' };
    await query(cloud, 'iam', { ...profile, Action: 'CreateInstanceProfile' });
    await query(cloud, 'iam', { ...profile, Action: 'AddRoleToInstanceProfile', RoleName: 'mute' });
    await query(cloud, 'ec2', {
      Action: 'RunInstances',
      Version: '2016-11-15',
      ImageId: 'ami-12c6146b',
      MinCount: '1',
      MaxCount: '1',
      'IamInstanceProfile.Name': 'mute',
    });
    const denial = await eventually('the denial', () =>
      cloud.events.find((event) => event.kind === 'denied' && event.role === 'mute'),
    );
    expect(denial.text).toMatch(/mute\/i-\w+ is not authorized to perform: ssm:UpdateInstanceInformation/);
    await eventually('the warning', () =>
      cloud.events.find(({ kind, text }) => kind === 'warning' && text.includes('cannot register')),
    );
    expect(cloud.events.filter(({ kind }) => kind === 'agent')).toEqual([]);
  });
});

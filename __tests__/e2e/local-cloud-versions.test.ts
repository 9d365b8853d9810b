import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { synthesizeForLocalCloud } from '../../local-cloud/deploy';
import { initialize, terraform } from '../../scripts/tools/stack';
import { stackOptions } from '../support/deployed-pipeline';
import { type CloudUnderTest, REGION, hasMoto, startCloud } from '../support/local-cloud';

/** Time until the versioning of new buckets takes effect, in milliseconds: longer than Terraform needs for the objects. */
const VERSIONING_MS = 15_000;

const story = hasMoto() ? describe : describe.skip;

story('a bucket of the local cloud whose versioning is suspended', () => {
  let cloud: CloudUnderTest;
  beforeAll(async () => {
    cloud = await startCloud();
  }, 60_000);
  afterAll(() => (cloud as CloudUnderTest | undefined)?.end());

  it('can be emptied version by version and deleted, as Terraform does when it destroys a pipeline', async () => {
    const s3 = new S3Client({ ...cloud.client, forcePathStyle: true });
    const Bucket = 'emptied';
    const versioning = (Status: 'Enabled' | 'Suspended') =>
      s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
    await s3.send(
      new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: REGION } }),
    );
    await versioning('Enabled');
    for (const text of ['1', '2']) await s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: text }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'a' }));
    await versioning('Suspended');
    expect((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe('Suspended');

    const { Versions = [], DeleteMarkers = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    expect([Versions.length, DeleteMarkers.length]).toEqual([2, 1]);
    for (const some of [Versions, DeleteMarkers]) {
      const Objects = some.map(({ Key, VersionId }) => ({ Key: Key!, VersionId: VersionId! }));
      expect(
        (await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))).Errors,
      ).toBeUndefined();
    }
    const left = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    expect([left.Versions ?? [], left.DeleteMarkers ?? []]).toEqual([[], []]);
    await s3.send(new DeleteBucketCommand({ Bucket }));
  }, 60_000);
});

story('a deploy into buckets whose versioning has not taken effect yet', () => {
  let cloud: CloudUnderTest;
  beforeAll(async () => {
    cloud = await startCloud();
    cloud.faults.versioningMs = VERSIONING_MS;
  }, 60_000);
  afterAll(() => (cloud as CloudUnderTest | undefined)?.end());

  it('fails and says what to do, instead of leaving jobs without a model', async () => {
    const pipelines = [{ name: 'early', models: ['__tests__/e2e/models/puppet'] }];
    const { options } = await stackOptions(cloud, { pipelines });
    await synthesizeForLocalCloud(options);
    await initialize(options);
    const address = 'aws_s3_object.runner';
    const apply = ['apply', '-auto-approve', '-input=false', '-no-color', `-target=${address}`];
    await expect(terraform(options, apply)).rejects.toThrow(`  terraform apply -replace=${address}`);
  }, 120_000);
});

import {
  AddPermissionCommand,
  CreateFunctionCommand,
  InvokeCommand,
  LambdaClient,
  PutFunctionEventInvokeConfigCommand,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  GetBucketNotificationConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { S3Event } from 'aws-lambda';
import { existsSync } from 'node:fs';
import { Readable } from 'node:stream';
import { isAlive } from '../../scripts/tools/process-groups';
import {
  type CloudUnderTest,
  eventually,
  hasMoto,
  json,
  makeRole,
  startCloud,
  zipOf,
} from '../support/local-cloud';

/** Returns its event, or obeys the event's `do`. Prints each event on stdout. */
const ECHO = `
exports.handler = async (event, context) => {
  console.log(JSON.stringify({ event, pid: process.pid, id: context.awsRequestId }));
  const order = event.do;
  if (order === 'fail') throw new TypeError('as ordered');
  if (order === 'crash') process.exit(3);
  if (order === 'hang') await new Promise((resolve) => setTimeout(resolve, 60000));
  if (order === 'wait') await new Promise((resolve) => setTimeout(resolve, 2000));
  if (order === 'environment') return process.env;
  return { got: event, pid: process.pid };
};`;

const BUCKET = 'hostile-data-123';

(hasMoto() ? describe : describe.skip)('functions of the local cloud', () => {
  let cloud: CloudUnderTest;
  let s3: S3Client;
  let lambda: LambdaClient;
  let roleArn: string;

  beforeAll(async () => {
    process.env.SECRET_OF_THE_HOST = 'must not reach a function';
    cloud = await startCloud();
    s3 = new S3Client(cloud.client);
    lambda = new LambdaClient(cloud.client);
    roleArn = await makeRole(cloud, 'echo-role', ['sqs:SendMessage']);
    await makeFunction('echo', 20);
    await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
    await s3.send(
      new PutBucketVersioningCommand({
        Bucket: BUCKET,
        VersioningConfiguration: { Status: 'Enabled' },
      }),
    );
  }, 60_000);

  afterAll(async () => {
    await cloud.end();
  });

  const makeFunction = (name: string, timeoutSeconds: number) =>
    lambda.send(
      new CreateFunctionCommand({
        FunctionName: name,
        Role: roleArn,
        Runtime: 'nodejs22.x',
        Handler: 'index.handler',
        Timeout: timeoutSeconds,
        Code: { ZipFile: zipOf(ECHO) },
        Environment: { Variables: { GREETING: 'hello' } },
      }),
    );

  const invoke = async (event: object, name = 'echo') => {
    const answer = await lambda.send(
      new InvokeCommand({ FunctionName: name, Payload: Buffer.from(JSON.stringify(event)) }),
    );
    return {
      error: answer.FunctionError,
      payload: JSON.parse(answer.Payload!.transformToString()) as Record<string, unknown>,
    };
  };

  const notify = () =>
    s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: BUCKET,
        NotificationConfiguration: {
          LambdaFunctionConfigurations: [
            {
              Id: 'uploads',
              LambdaFunctionArn: `arn:aws:lambda:${cloud.region}:123456789012:function:echo`,
              Events: ['s3:ObjectCreated:*'],
              Filter: { Key: { FilterRules: [{ Name: 'prefix', Value: 'in/' }] } },
            },
          ],
        },
      }),
    );

  /** The S3 records that the function received for a key, from its own output. */
  const recordsOf = (key: string) =>
    cloud.events.flatMap((event) => {
      if (event.kind !== 'log') return [];
      const records = (JSON.parse(event.text) as { event: Partial<S3Event> }).event.Records ?? [];
      return records.filter((record) => decoded(record.s3.object.key) === key);
    });
  const decoded = (key: string) => decodeURIComponent(key.replaceAll('+', ' '));

  test('the deployed zip runs with its variables and its role’s credentials; the second run is warm', async () => {
    const first = await invoke({ hello: 1 });
    const second = await invoke({ hello: 2 });
    expect(first.payload.got).toEqual({ hello: 1 });
    expect(second.payload.pid).toBe(first.payload.pid);
    const { payload: environment } = await invoke({ do: 'environment' });
    expect(environment).toMatchObject({
      GREETING: 'hello',
      AWS_LAMBDA_FUNCTION_NAME: 'echo',
      AWS_ENDPOINT_URL: cloud.endpoint,
    });
    expect(environment.AWS_ACCESS_KEY_ID).not.toBe(cloud.credentials.accessKeyId);
    expect(environment).not.toHaveProperty('SECRET_OF_THE_HOST');
  });

  test('two invocations run in parallel, and a new zip replaces the old', async () => {
    const [one, two] = await Promise.all([invoke({ do: 'wait' }), invoke({ do: 'wait' })]);
    expect(one.payload.pid).not.toBe(two.payload.pid);
    await makeFunction('replaced', 20);
    const code = zipOf('exports.handler = async () => ({ version: 2 });');
    await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: 'replaced', ZipFile: code }));
    expect((await invoke({}, 'replaced')).payload).toEqual({ version: 2 });
  });

  test('a function that throws, exits or exceeds its timeout is a function error with the reason', async () => {
    expect(await invoke({ do: 'fail' })).toMatchObject({
      error: 'Unhandled',
      payload: { errorType: 'TypeError', errorMessage: 'as ordered' },
    });
    expect(await invoke({ do: 'crash' })).toMatchObject({
      error: 'Unhandled',
      payload: { errorMessage: 'Runtime exited with error: exit status 3' },
    });
    await makeFunction('hanging', 1);
    const late = await invoke({ do: 'hang' }, 'hanging');
    expect(late.error).toBe('Unhandled');
    expect(late.payload.errorMessage).toMatch(/Task timed out after 1.00 seconds/);
    await expect(invoke({}, 'nobody')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  test('an asynchronous failure is tried three times, and then its whole record goes to the on-failure queue', async () => {
    await makeFunction('failing', 20);
    const { QueueUrl } = await json<{ QueueUrl: string }>(cloud, 'sqs', 'AmazonSQS.CreateQueue', {
      QueueName: 'failures',
    });
    await lambda.send(
      new PutFunctionEventInvokeConfigCommand({
        FunctionName: 'failing',
        DestinationConfig: {
          OnFailure: { Destination: `arn:aws:sqs:${cloud.region}:123456789012:failures` },
        },
      }),
    );
    const answer = await lambda.send(
      new InvokeCommand({ FunctionName: 'failing', InvocationType: 'Event', Payload: '{"do":"fail"}' }),
    );
    expect(answer.StatusCode).toBe(202);
    const message = await eventually('the failure record', async () => {
      const { Messages } = await json<{ Messages?: { Body: string }[] }>(
        cloud,
        'sqs',
        'AmazonSQS.ReceiveMessage',
        { QueueUrl },
      );
      return Messages?.[0];
    });
    expect(JSON.parse(message.Body)).toMatchObject({
      requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 3 },
      requestPayload: { do: 'fail' },
      responseContext: { functionError: 'Unhandled' },
      responsePayload: { errorMessage: 'as ordered' },
    });
    expect(cloud.faults.invocations('failing')).toBe(3);
  });

  test('a bucket that may not invoke the function cannot be configured to notify it', async () => {
    await expect(notify()).rejects.toMatchObject({ name: 'InvalidArgument' });
  });

  describe('with notifications', () => {
    beforeAll(async () => {
      await lambda.send(
        new AddPermissionCommand({
          FunctionName: 'echo',
          StatementId: 'bucket',
          Action: 'lambda:InvokeFunction',
          Principal: 's3.amazonaws.com',
          SourceArn: `arn:aws:s3:::${BUCKET}`,
          SourceAccount: '123456789012',
        }),
      );
      await notify();
    });

    test('a read of the configuration returns what was written', async () => {
      const read = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: BUCKET }));
      expect(read.LambdaFunctionConfigurations).toEqual([
        expect.objectContaining({ Id: 'uploads', Events: ['s3:ObjectCreated:*'] }),
      ]);
    });

    test.each([
      'in/plain.csv',
      'in/red flower+plus.csv',
      'in/quotes"\'`$(touch x).csv',
      'in/../out.csv',
      'in//double//slash.csv',
      'in/new\nline.csv',
      'in/percent%20%25.csv',
      'in/ünïcødé-日本-🕯.csv',
    ])('an upload of %j is one event with its exact key, size and version', async (key) => {
      const put = await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: 'four' }));
      const record = await eventually('the event', () => recordsOf(key)[0]);
      expect(record).toMatchObject({
        eventVersion: '2.1',
        eventSource: 'aws:s3',
        eventName: 'ObjectCreated:Put',
        awsRegion: cloud.region,
        s3: {
          configurationId: 'uploads',
          bucket: { name: BUCKET, arn: `arn:aws:s3:::${BUCKET}` },
          object: { size: 4, eTag: put.ETag!.replaceAll('"', ''), versionId: put.VersionId },
        },
      });
      expect(record.s3.object.key).not.toMatch(/[\s"']/);
    });

    test('copies, multi-part uploads and streams of unknown length are events, too', async () => {
      const copied = await s3.send(
        new CopyObjectCommand({ Bucket: BUCKET, Key: 'in/copy.csv', CopySource: `${BUCKET}/in/plain.csv` }),
      );
      const Body = Readable.from([Buffer.alloc(6 * 2 ** 20, 'a'), Buffer.alloc(2 * 2 ** 20, 'b')]);
      await new Upload({ client: s3, params: { Bucket: BUCKET, Key: 'in/large.bin', Body } }).done();
      const copy = await eventually('the copy', () => recordsOf('in/copy.csv')[0]);
      expect(copy).toMatchObject({
        eventName: 'ObjectCreated:Copy',
        s3: { object: { size: 4, versionId: copied.VersionId } },
      });
      const large = await eventually('the large one', () => recordsOf('in/large.bin')[0]);
      expect(large).toMatchObject({
        eventName: 'ObjectCreated:CompleteMultipartUpload',
        s3: { object: { size: 8 * 2 ** 20 } },
      });
      expect(large.s3.object.versionId).toBeTruthy();
    });

    test('a failed upload, and one outside the filter, are no events', async () => {
      const again = { Bucket: BUCKET, Key: 'in/plain.csv', Body: 'x', IfNoneMatch: '*' };
      await expect(s3.send(new PutObjectCommand(again))).rejects.toMatchObject({
        name: 'PreconditionFailed',
      });
      await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'elsewhere.csv', Body: 'x' }));
      await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'in/last.csv', Body: 'x' }));
      await eventually('the last one', () => recordsOf('in/last.csv')[0]);
      expect(recordsOf('in/plain.csv')).toHaveLength(1);
      expect(recordsOf('elsewhere.csv')).toHaveLength(0);
    });

    test('a test can lose a notification, and have one delivered twice', async () => {
      cloud.faults.dropNotifications('data', 1);
      await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'in/lost.csv', Body: 'x' }));
      await eventually('the loss', () =>
        cloud.events.find((event) => event.kind === 'notification' && event.outcome === 'dropped'),
      );
      cloud.faults.duplicateNotifications(1);
      await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'in/twice.csv', Body: 'x' }));
      await eventually('both', () => (recordsOf('in/twice.csv').length === 2 ? true : undefined));
      expect(recordsOf('in/lost.csv')).toHaveLength(0);
    });
  });

  test('after a stop no process of the local cloud is left', async () => {
    const { payload } = await invoke({});
    const pid = Number(payload.pid);
    expect(isAlive(pid)).toBe(true);
    await cloud.stop();
    await cloud.stop();
    await eventually('the child’s end', () => (isAlive(pid) ? undefined : true));
    expect(existsSync(`${cloud.directory}/cloud.json`)).toBe(false);
    await expect(fetch(cloud.endpoint)).rejects.toThrow();
  });
});

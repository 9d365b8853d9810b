import type { Call } from './drive';
import type { Answer } from './requests';

/** A call and the answers that it gets: more than one if the SDK tries again. */
export interface Case extends Call {
  readonly what: string;
  readonly answers: readonly Answer[];
}

const [BUCKET, KEY, ID] = ['a-bucket', 'open/a b+ü.json', 'i-0123456789abcdef0'];
const object = { Bucket: BUCKET, Key: KEY };
const XML = '<?xml version="1.0" encoding="UTF-8"?>';

const ok = (body = '', headers: Answer['headers'] = {}): Answer => ({ status: 200, body, headers });
const s3Error = (status: number, code: string, more = ''): Answer => ({
  status,
  body: `${XML}<Error><Code>${code}</Code><Message>about ${code}</Message>${more}<RequestId>r</RequestId></Error>`,
});
const ec2Error = (status: number, code: string): Answer => ({
  status,
  body: `${XML}<Response><Errors><Error><Code>${code}</Code><Message>about ${code}</Message></Error></Errors><RequestID>r</RequestID></Response>`,
});
const jsonError = (status: number, code: string): Answer => ({
  status,
  body: JSON.stringify({ __type: code, message: `about ${code}`, Type: 'User' }),
  headers: { 'content-type': 'application/x-amz-json-1.1' },
});
const lambdaError = (status: number, code: string): Answer => ({
  status,
  body: JSON.stringify({ Type: 'User', message: `about ${code}` }),
  headers: { 'content-type': 'application/json', 'x-amzn-errortype': `${code}:http://internal.amazon.com/` },
});

function cases(client: string, list: readonly [string, string, object, ...Answer[]][]): Case[] {
  return list.map(([what, command, input, ...answers]) => ({ client, command, input, what, answers }));
}

const RECORD = JSON.stringify({ version: 1, nonce: 'ü' });
const LISTED = `<Contents><Key>open/a%20b</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>5</Size><StorageClass>STANDARD</StorageClass></Contents>`;
const put = { ...object, ContentType: 'application/json', Body: RECORD };

/** Every answer of S3 that the code tells apart. */
const s3 = cases('s3', [
  [
    'an object with metadata',
    'GetObjectCommand',
    object,
    ok('text', {
      etag: '"e"',
      'last-modified': 'Fri, 02 Jan 2026 03:04:05 GMT',
      'x-amz-meta-max-attempts': '2',
      'x-amz-version-id': 'v',
    }),
  ],
  [
    'an object with its checksum',
    'GetObjectCommand',
    object,
    ok('text', { 'x-amz-checksum-crc32': 'O4unxw==', 'x-amz-checksum-type': 'FULL_OBJECT' }),
  ],
  [
    'an object with another checksum',
    'GetObjectCommand',
    object,
    ok('text', { 'x-amz-checksum-crc32': 'AAAAAA==' }),
  ],
  ['a version', 'GetObjectCommand', { ...object, VersionId: 'v/1' }, ok('')],
  ['no object', 'GetObjectCommand', object, s3Error(404, 'NoSuchKey', '<Key>k</Key>')],
  ['no bucket', 'GetObjectCommand', object, s3Error(404, 'NoSuchBucket')],
  ['a deleted version', 'GetObjectCommand', object, s3Error(405, 'MethodNotAllowed')],
  [
    'an archived object',
    'GetObjectCommand',
    object,
    s3Error(403, 'InvalidObjectState', '<StorageClass>GLACIER</StorageClass>'),
  ],
  ['no permission', 'GetObjectCommand', object, s3Error(403, 'AccessDenied')],
  ['a disabled key of KMS', 'GetObjectCommand', object, s3Error(400, 'KMS.DisabledException')],
  ['an answer after a throttle', 'GetObjectCommand', object, s3Error(503, 'SlowDown'), ok('text')],
  ['an answer after an error of S3', 'GetObjectCommand', object, s3Error(500, 'InternalError'), ok('text')],
  ['an answer that is not XML', 'GetObjectCommand', object, { status: 400, body: 'no XML' }],
  ['an object that is there', 'HeadObjectCommand', object, ok('', { etag: '"e"', 'x-amz-meta-a': 'b' })],
  ['an object that is not there', 'HeadObjectCommand', object, { status: 404 }],
  ['no permission to look', 'HeadObjectCommand', object, { status: 403 }],
  ['a write', 'PutObjectCommand', put, ok('', { etag: '"e"' })],
  ['a write of bytes', 'PutObjectCommand', { ...object, Body: '' }, ok('', { etag: '"e"' })],
  [
    'a write with metadata',
    'PutObjectCommand',
    { ...put, Metadata: { 'max-attempts': '2' } },
    ok('', { etag: '"e"' }),
  ],
  ['a creation', 'PutObjectCommand', { ...put, IfNoneMatch: '*' }, ok('', { etag: '"e"' })],
  [
    'a creation of what exists',
    'PutObjectCommand',
    { ...put, IfNoneMatch: '*' },
    s3Error(412, 'PreconditionFailed'),
  ],
  [
    'another write at the same time',
    'PutObjectCommand',
    { ...put, IfMatch: '"e"' },
    s3Error(409, 'ConditionalRequestConflict'),
  ],
  [
    'a replacement of what is gone',
    'PutObjectCommand',
    { ...put, IfMatch: '"e"' },
    s3Error(404, 'NoSuchKey'),
  ],
  ['a write after a throttle', 'PutObjectCommand', put, s3Error(503, 'SlowDown'), ok('', { etag: '"e"' })],
  [
    'a write that timed out',
    'PutObjectCommand',
    put,
    s3Error(400, 'RequestTimeout'),
    ok('', { etag: '"e"' }),
  ],
  ['a deletion', 'DeleteObjectCommand', object, { status: 204 }],
  ['a deletion without permission', 'DeleteObjectCommand', object, s3Error(403, 'AccessDenied')],
  [
    'a list',
    'ListObjectsV2Command',
    { Bucket: BUCKET, Prefix: 'open/', StartAfter: 'open/a' },
    ok(
      `${XML}<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t=</NextContinuationToken>${LISTED}${LISTED}<KeyCount>2</KeyCount></ListBucketResult>`,
    ),
  ],
  [
    'a list of names',
    'ListObjectsV2Command',
    { Bucket: BUCKET, Prefix: 'a/', Delimiter: '/', EncodingType: 'url', ContinuationToken: 't=' },
    ok(
      `${XML}<ListBucketResult><IsTruncated>false</IsTruncated><CommonPrefixes><Prefix>a%2F</Prefix></CommonPrefixes></ListBucketResult>`,
    ),
  ],
  [
    'an empty list',
    'ListObjectsV2Command',
    { Bucket: BUCKET },
    ok(`${XML}<ListBucketResult></ListBucketResult>`),
  ],
  [
    'a list of versions',
    'ListObjectVersionsCommand',
    { Bucket: BUCKET, KeyMarker: 'k', VersionIdMarker: 'v', MaxKeys: 500, EncodingType: 'url' },
    ok(
      `${XML}<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>k</Key><VersionId>v</VersionId><IsLatest>true</IsLatest><LastModified>2026-01-02T03:04:05.000Z</LastModified><Size>5</Size></Version><DeleteMarker><Key>k</Key><VersionId>w</VersionId><IsLatest>false</IsLatest></DeleteMarker></ListVersionsResult>`,
    ),
  ],
  ['tags', 'PutObjectTaggingCommand', { ...object, Tagging: { TagSet: [{ Key: 'a', Value: 'b' }] } }, ok()],
  [
    'an upload in parts',
    'CreateMultipartUploadCommand',
    object,
    ok(`${XML}<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`),
  ],
  [
    'a part',
    'UploadPartCommand',
    { ...object, UploadId: 'u', PartNumber: 1, Body: RECORD },
    ok('', { etag: '"p"' }),
  ],
  [
    'a part of no upload',
    'UploadPartCommand',
    { ...object, UploadId: 'u', PartNumber: 1, Body: RECORD },
    s3Error(404, 'NoSuchUpload'),
  ],
  [
    "an upload's end",
    'CompleteMultipartUploadCommand',
    { ...object, UploadId: 'u', MultipartUpload: { Parts: [{ ETag: '"p"', PartNumber: 1 }] } },
    ok(`${XML}<CompleteMultipartUploadResult><ETag>&quot;e-1&quot;</ETag></CompleteMultipartUploadResult>`),
  ],
  [
    "an upload's end that fails with status 200",
    'CompleteMultipartUploadCommand',
    { ...object, UploadId: 'u', MultipartUpload: { Parts: [{ ETag: '"p"', PartNumber: 1 }] } },
    { ...s3Error(200, 'InternalError') },
    ok(`${XML}<CompleteMultipartUploadResult><ETag>&quot;e-1&quot;</ETag></CompleteMultipartUploadResult>`),
  ],
  [
    'an upload that is given up',
    'AbortMultipartUploadCommand',
    { ...object, UploadId: 'u' },
    { status: 204 },
  ],
  [
    'a small file',
    'Upload',
    { params: { ...object, Body: RECORD }, partSize: 8 << 20 },
    ok('', { etag: '"e"' }),
  ],
  [
    'a large file',
    'Upload',
    { params: { ...object, Body: 'x'.repeat((5 << 20) + 1) }, partSize: 5 << 20, queueSize: 1 },
    ok(`${XML}<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`),
    ok('', { etag: '"1"' }),
    ok('', { etag: '"2"' }),
    ok(`${XML}<CompleteMultipartUploadResult><ETag>&quot;e-2&quot;</ETag></CompleteMultipartUploadResult>`),
  ],
]);

const change = (list: string) =>
  `${XML}<Response><instancesSet><item><instanceId>${ID}</instanceId><currentState><code>0</code><name>pending</name></currentState><previousState><code>80</code><name>stopped</name></previousState></item></instancesSet><requestId>${list}</requestId></Response>`;
const instances = { InstanceIds: [ID] };
const DESCRIBED = `${XML}<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>${ID}</instanceId><instanceState><code>16</code><name>running</name></instanceState><launchTime>2026-01-02T03:04:05.000Z</launchTime><stateReason><code>Client.InstanceInitiatedShutdown</code><message>m</message></stateReason><reason/><instanceLifecycle>spot</instanceLifecycle><ipAddress>1.2.3.4</ipAddress><tagSet><item><key>a &amp; b</key><value>ü</value></item></tagSet><blockDeviceMapping><item><ebs><volumeId>vol-1</volumeId><attachTime>2026-01-02T03:04:05Z</attachTime></ebs></item></blockDeviceMapping></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`;

const ec2 = cases('ec2', [
  ['an instance', 'DescribeInstancesCommand', instances, ok(DESCRIBED)],
  ['no instance', 'DescribeInstancesCommand', instances, ec2Error(400, 'InvalidInstanceID.NotFound')],
  [
    'an instance after a throttle',
    'DescribeInstancesCommand',
    instances,
    ec2Error(503, 'RequestLimitExceeded'),
    ok(DESCRIBED),
  ],
  ['a start', 'StartInstancesCommand', instances, ok(change('s'))],
  [
    'a start of a stopping instance',
    'StartInstancesCommand',
    instances,
    ec2Error(400, 'IncorrectInstanceState'),
  ],
  [
    'a start of a spot instance',
    'StartInstancesCommand',
    instances,
    ec2Error(400, 'IncorrectSpotRequestState'),
  ],
  [
    'a start without capacity',
    'StartInstancesCommand',
    instances,
    ...Array.from({ length: 4 }, () => ec2Error(500, 'InsufficientInstanceCapacity')),
  ],
  [
    'a start after an error of EC2',
    'StartInstancesCommand',
    instances,
    ec2Error(500, 'InternalError'),
    ok(change('s')),
  ],
  ['a stop', 'StopInstancesCommand', instances, ok(change('t'))],
  ['a stop that is not permitted', 'StopInstancesCommand', instances, ec2Error(403, 'UnauthorizedOperation')],
  [
    'tags',
    'CreateTagsCommand',
    { Resources: [ID], Tags: [{ Key: 'lamplighter: ü', Value: 'a b' }] },
    ok(`${XML}<CreateTagsResponse><return>true</return></CreateTagsResponse>`),
  ],
]);

const filters = { Filters: [{ Key: 'InstanceIds', Values: [ID] }] };
const json = (value: object) => ok(JSON.stringify(value), { 'content-type': 'application/x-amz-json-1.1' });
const drain = {
  DocumentName: 'd',
  InstanceIds: [ID],
  TimeoutSeconds: 600,
  Comment: 'c',
  CloudWatchOutputConfig: { CloudWatchOutputEnabled: true, CloudWatchLogGroupName: '/g' },
};
const command = {
  CommandId: 'c',
  InstanceIds: [ID],
  Status: 'InProgress',
  RequestedDateTime: 1767323045.123,
  Parameters: { a: ['b'] },
};

const ssm = cases('ssm', [
  [
    'an agent',
    'DescribeInstanceInformationCommand',
    filters,
    json({
      InstanceInformationList: [{ InstanceId: ID, PingStatus: 'Online', LastPingDateTime: 1767323045.5 }],
    }),
  ],
  ['no agent', 'DescribeInstanceInformationCommand', filters, json({ InstanceInformationList: [] })],
  [
    'an agent after a throttle',
    'DescribeInstanceInformationCommand',
    filters,
    jsonError(400, 'ThrottlingException'),
    json({ InstanceInformationList: [] }),
  ],
  [
    'a list of commands',
    'ListCommandsCommand',
    { Filters: [{ key: 'InvokedAfter', value: '2026-01-02T03:04:05Z' }], NextToken: 't' },
    json({ Commands: [command], NextToken: 'u' }),
  ],
  [
    'a list after an error of SSM',
    'ListCommandsCommand',
    {},
    jsonError(500, 'InternalServerError'),
    json({ Commands: [] }),
  ],
  ['a command', 'SendCommandCommand', drain, json({ Command: command })],
  ['a command to no agent', 'SendCommandCommand', drain, jsonError(400, 'InvalidInstanceId')],
  [
    'a command with no document',
    'SendCommandCommand',
    drain,
    jsonError(400, 'com.amazonaws.ssm#InvalidDocument'),
  ],
  ['a command that is not permitted', 'SendCommandCommand', drain, jsonError(400, 'AccessDeniedException')],
]);

const invoke = { FunctionName: 'a-function', InvocationType: 'Event', Payload: '{"reason":"upload"}' };

const lambda = cases('lambda', [
  [
    'an invocation',
    'InvokeCommand',
    invoke,
    { status: 202, headers: { 'x-amz-executed-version': '$LATEST' } },
  ],
  ['no function', 'InvokeCommand', invoke, lambdaError(404, 'ResourceNotFoundException')],
  ['an invocation that is not permitted', 'InvokeCommand', invoke, lambdaError(403, 'AccessDeniedException')],
  [
    'an invocation after a throttle',
    'InvokeCommand',
    invoke,
    lambdaError(429, 'TooManyRequestsException'),
    { status: 202 },
  ],
  [
    'an invocation after an error of Lambda',
    'InvokeCommand',
    invoke,
    lambdaError(500, 'ServiceException'),
    { status: 202 },
  ],
  ['too large an invocation', 'InvokeCommand', invoke, lambdaError(413, 'RequestTooLargeException')],
]);

/** At least one case for each command that a part sends. */
export const CASES: readonly Case[] = [...s3, ...ec2, ...ssm, ...lambda];

/** How the instance's metadata service gives credentials: a token, the role's name, the credentials. */
export const METADATA_ANSWERS: readonly Answer[] = [
  ok('a token'),
  ok('a-role'),
  ok(
    JSON.stringify({
      ...{ Code: 'Success', AccessKeyId: 'ASIAEXAMPLE', SecretAccessKey: 's', Token: 't' },
      Expiration: '2126-01-02T03:04:05Z',
    }),
  ),
];

/** Commands that a bundle holds and no part sends, with the reason. */
export const UNSENT: Readonly<Record<string, string>> = {
  CreateSessionCommand: 'S3Client sends it for directory buckets only, and Lamplighter makes none',
};

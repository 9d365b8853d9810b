import { isWildcardOnlyAction } from '@cloud-copilot/iam-simulate';
import { permissionsFor } from '../../../local-cloud/iam/needed-permissions';
import type { IncomingCall } from '../../../local-cloud/wire/call';

const call = (
  service: string,
  method: string,
  target: string,
  rest: Partial<IncomingCall> = {},
): IncomingCall => {
  const [path = '', query = ''] = target.split('?');
  return {
    service,
    region: 'eu-central-1',
    caller: { kind: 'operator' },
    method,
    target,
    path,
    query: new URLSearchParams(query),
    headers: {},
    ...rest,
  };
};

const form = (fields: Record<string, string>): Partial<IncomingCall> => ({
  headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
  body: Buffer.from(new URLSearchParams(fields).toString()),
});

const order = (operation: string, body: object): Partial<IncomingCall> => ({
  headers: { 'x-amz-target': `AmazonSSM.${operation}`, 'content-type': 'application/x-amz-json-1.1' },
  body: Buffer.from(JSON.stringify(body)),
});

const brief = (readable: IncomingCall) =>
  permissionsFor(readable).map(({ action, resource }) => `${action} ${resource}`);

describe('the permission that an S3 request needs', () => {
  test.each<[string, string, Record<string, string>, string[]]>([
    ['GET', '/', {}, ['s3:ListAllMyBuckets *']],
    ['GET', '/b', {}, ['s3:ListBucket arn:aws:s3:::b']],
    ['HEAD', '/b', {}, ['s3:ListBucket arn:aws:s3:::b']],
    ['GET', '/b?versions', {}, ['s3:ListBucketVersions arn:aws:s3:::b']],
    ['PUT', '/b?policy', {}, ['s3:PutBucketPolicy arn:aws:s3:::b']],
    ['DELETE', '/b?policy', {}, ['s3:DeleteBucketPolicy arn:aws:s3:::b']],
    ['PUT', '/b?notification', {}, ['s3:PutBucketNotification arn:aws:s3:::b']],
    ['DELETE', '/b', {}, ['s3:DeleteBucket arn:aws:s3:::b']],
    ['GET', '/b/k', {}, ['s3:GetObject arn:aws:s3:::b/k']],
    ['HEAD', '/b/k', {}, ['s3:GetObject arn:aws:s3:::b/k']],
    ['GET', '/b/k?versionId=v', {}, ['s3:GetObjectVersion arn:aws:s3:::b/k']],
    ['GET', '/b/k?tagging&versionId=v', {}, ['s3:GetObjectVersionTagging arn:aws:s3:::b/k']],
    ['PUT', '/b/a%20b/../c', {}, ['s3:PutObject arn:aws:s3:::b/a b/../c']],
    ['PUT', '/b/k?acl', {}, ['s3:PutObjectAcl arn:aws:s3:::b/k']],
    [
      'PUT',
      '/b/k',
      { 'x-amz-tagging': 'a=b' },
      ['s3:PutObject arn:aws:s3:::b/k', 's3:PutObjectTagging arn:aws:s3:::b/k'],
    ],
    [
      'PUT',
      '/b/k',
      { 'x-amz-copy-source': 'c/a%20b?versionId=v' },
      ['s3:PutObject arn:aws:s3:::b/k', 's3:GetObjectVersion arn:aws:s3:::c/a b'],
    ],
    [
      'PUT',
      '/b/k',
      { 'if-match': '"e"' },
      ['s3:PutObject arn:aws:s3:::b/k', 's3:GetObject arn:aws:s3:::b/k'],
    ],
    ['PUT', '/b/k?partNumber=1&uploadId=u', {}, ['s3:PutObject arn:aws:s3:::b/k']],
    ['POST', '/b/k?uploads', {}, ['s3:PutObject arn:aws:s3:::b/k']],
    ['DELETE', '/b/k?uploadId=u', {}, ['s3:AbortMultipartUpload arn:aws:s3:::b/k']],
    ['DELETE', '/b/k', {}, ['s3:DeleteObject arn:aws:s3:::b/k']],
    ['DELETE', '/b/k?versionId=v', {}, ['s3:DeleteObjectVersion arn:aws:s3:::b/k']],
  ])('%s %s', (method, target, headers, expected) => {
    expect(brief(call('s3', method, target, { headers }))).toEqual(expected);
  });

  test('each key of DeleteObjects needs its own permission', () => {
    const body = Buffer.from(
      '<Delete><Object><Key>a</Key></Object><Object><Key>b&amp;c</Key><VersionId>v</VersionId></Object></Delete>',
    );
    expect(brief(call('s3', 'POST', '/b?delete', { body }))).toEqual([
      's3:DeleteObject arn:aws:s3:::b/a',
      's3:DeleteObjectVersion arn:aws:s3:::b/b&c',
    ]);
  });

  test('conditions see prefixes, versions and conditional headers, and no key that the request lacks', () => {
    const context = (...args: Parameters<typeof call>) => permissionsFor(call(...args))[0]!.context;
    expect(context('s3', 'GET', '/b?list-type=2&prefix=open%2F&max-keys=7')).toEqual({
      's3:prefix': 'open/',
      's3:max-keys': '7',
    });
    expect(context('s3', 'GET', '/b?list-type=2')).toEqual({});
    expect(context('s3', 'GET', '/b/k?versionId=v')).toEqual({ 's3:VersionId': 'v' });
    expect(context('s3', 'PUT', '/b/k', { headers: { 'if-none-match': '*' } })).toEqual({
      's3:if-none-match': '*',
      's3:ObjectCreationOperation': 'true',
    });
    expect(context('s3', 'POST', '/b/k?uploads')).toEqual({ 's3:ObjectCreationOperation': 'false' });
  });
});

describe('the permission that another service’s request needs', () => {
  const instance = (id: string) => `arn:aws:ec2:eu-central-1:123456789012:instance/${id}`;

  test('EC2: the action is in the body, and each instance is a separate resource', () => {
    const fields = { Action: 'StopInstances', 'InstanceId.1': 'i-1', 'InstanceId.2': 'i-2' };
    expect(permissionsFor(call('ec2', 'POST', '/', form(fields)))).toEqual(
      ['i-1', 'i-2'].map((instanceId) => ({
        action: 'ec2:StopInstances',
        resource: instance(instanceId),
        context: { 'ec2:Region': 'eu-central-1' },
        instanceId,
      })),
    );
    expect(brief(call('ec2', 'POST', '/', form({ Action: 'DescribeInstances' })))).toEqual([
      'ec2:DescribeInstances *',
    ]);
  });

  test('EC2: conditions see the tags of the request', () => {
    const fields = {
      Action: 'CreateTags',
      'ResourceId.1': 'i-1',
      'Tag.1.Key': 'lamplighter:phase',
      'Tag.1.Value': 'working',
      'Tag.2.Key': 'other',
      'Tag.2.Value': '',
    };
    expect(permissionsFor(call('ec2', 'POST', '/', form(fields)))).toMatchObject([
      {
        resource: instance('i-1'),
        context: {
          'aws:TagKeys': ['lamplighter:phase', 'other'],
          'aws:RequestTag/lamplighter:phase': 'working',
          'aws:RequestTag/other': '',
        },
      },
    ]);
    const none = permissionsFor(
      call('ec2', 'POST', '/', form({ Action: 'DeleteTags', 'ResourceId.1': 'i-1' })),
    );
    expect(none[0]!.context).not.toHaveProperty('aws:TagKeys');
  });

  test('Systems Manager: a command needs its document and every instance', () => {
    const body = {
      DocumentName: 'drain',
      InstanceIds: ['i-1'],
      Targets: [{ Key: 'InstanceIds', Values: ['i-2'] }],
    };
    expect(brief(call('ssm', 'POST', '/', order('SendCommand', body)))).toEqual([
      'ssm:SendCommand arn:aws:ssm:eu-central-1:123456789012:document/drain',
      `ssm:SendCommand ${instance('i-1')}`,
      `ssm:SendCommand ${instance('i-2')}`,
    ]);
    const byTag = { DocumentName: 'AWS-RunShellScript', Targets: [{ Key: 'tag:a', Values: ['b'] }] };
    expect(brief(call('ssm', 'POST', '/', order('SendCommand', byTag)))).toEqual([
      'ssm:SendCommand arn:aws:ssm:eu-central-1::document/AWS-RunShellScript',
      `ssm:SendCommand ${instance('*')}`,
    ]);
    expect(brief(call('ssm', 'POST', '/', order('GetParameter', { Name: '/a/b' })))).toEqual([
      'ssm:GetParameter arn:aws:ssm:eu-central-1:123456789012:parameter/a/b',
    ]);
  });

  test('Lambda: the action is in the path', () => {
    const of = (method: string, target: string) => brief(call('lambda', method, target))[0];
    const name = 'arn:aws:lambda:eu-central-1:123456789012:function:worker';
    expect(of('POST', '/2015-03-31/functions/worker/invocations')).toBe(`lambda:InvokeFunction ${name}`);
    expect(of('POST', `/2015-03-31/functions/${name}/invocations`)).toBe(`lambda:InvokeFunction ${name}`);
    expect(of('PUT', '/2015-03-31/functions/worker/code')).toBe(`lambda:UpdateFunctionCode ${name}`);
  });

  test('SQS: a queue is named by its name or by its URL', () => {
    const ask = (operation: string, named: object) =>
      brief(call('sqs', 'POST', '/', order(operation, named)));
    const queue = 'arn:aws:sqs:eu-central-1:123456789012:q';
    expect(ask('GetQueueUrl', { QueueName: 'q' })).toEqual([`sqs:GetQueueUrl ${queue}`]);
    expect(ask('ReceiveMessage', { QueueUrl: 'http://x/1/q' })).toEqual([`sqs:ReceiveMessage ${queue}`]);
  });

  test('STS: GetCallerIdentity needs no permission', () => {
    expect(brief(call('sts', 'POST', '/', form({ Action: 'GetCallerIdentity' })))).toEqual([]);
    expect(brief(call('sts', 'POST', '/', form({ Action: 'AssumeRole', RoleArn: 'arn:role' })))).toEqual([
      'sts:AssumeRole arn:role',
    ]);
  });

  test('the actions exist in AWS', async () => {
    const readables = [
      call('monitoring', 'POST', '/', form({ Action: 'PutMetricData' })),
      call('sqs', 'POST', '/', order('SendMessage', { QueueUrl: 'http://x/1/q' })),
      call('logs', 'POST', '/', order('PutLogEvents', { logGroupName: 'g', logStreamName: 's' })),
      call('iam', 'POST', '/', form({ Action: 'PutRolePolicy' })),
    ];
    for (const { action } of readables.flatMap(permissionsFor)) {
      const [service = '', operation = ''] = action.split(':');
      await expect(isWildcardOnlyAction(service, operation)).resolves.toBeDefined();
    }
  });
});

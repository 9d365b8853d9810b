import { Names } from '../../../../scripts/plan/names';
import { otherNetwork } from './built';
import { add, change, planned, recorded, remove, review } from './recorded';

describe('permissions, statement by statement', () => {
  test('a first deploy shows each statement with readable names, although Terraform knows no ARN yet', () => {
    const { policies } = review(recorded('fresh'));
    const trigger = policies.find(({ address }) => address === 'aws_iam_role_policy.trigger')!;
    expect(trigger.statements.every(({ kind }) => kind === 'added')).toBe(true);
    expect(trigger.statements.map(({ statement }) => statement)).toContainEqual({
      sid: 'MoveGate',
      effect: 'Allow',
      principals: [],
      actions: ['s3:PutObject'],
      resources: ['aws_s3_bucket.control/gate.json'],
      conditions: [],
    });
    const bucket = policies.find(({ address }) => address === 'aws_s3_bucket_policy.data')!;
    expect(bucket.statements[0]!.statement).toMatchObject({
      effect: 'Deny',
      principals: ['*'],
      resources: ['aws_s3_bucket.data', 'aws_s3_bucket.data/*'],
      conditions: ['Bool aws:SecureTransport = false'],
    });
    const permission = policies.find(({ address }) => address === 'aws_lambda_permission.data')!;
    expect(permission.statements[0]!.statement).toMatchObject({
      principals: ['s3.amazonaws.com'],
      conditions: ['ArnLike aws:SourceArn = aws_s3_bucket.data', expect.stringContaining('SourceAccount')],
    });
    const trust = policies.find(({ address }) => address === 'aws_iam_role.trigger')!;
    expect(trust.statements[0]!.statement.principals).toEqual(['lambda.amazonaws.com']);
  });

  test('a known ARN and a reference to it get the same name: an unchanged policy is no change', () => {
    expect(review(recorded('settings')).policies).toEqual([]);
    expect(review(otherNetwork()).policies).toEqual([]);
  });

  test('an added statement, a removed one, and one that gains and loses a part', () => {
    const made = recorded('settings');
    const policy = planned(made, 'aws_iam_role_policy.stop');
    const document = JSON.parse(String(policy.policy)) as {
      Statement: { Sid: string; Action: string[]; Resource: string[] }[];
    };
    const [first, second, ...rest] = document.Statement;
    const changed = { ...second!, Action: ['s3:GetObject', 's3:GetObjectAcl'], Resource: ['*'] };
    const added = { Sid: 'New', Effect: 'Allow', Action: 'ec2:RunInstances', Resource: '*' };
    policy.policy = JSON.stringify({ ...document, Statement: [changed, ...rest, added] });
    const [one, ...others] = review(made).policies;
    expect(others).toEqual([]);
    expect(one).toMatchObject({ address: 'aws_iam_role_policy.stop', subject: 'puppets-stop' });
    expect(one!.statements.map(({ kind, statement: { sid } }) => `${kind} ${sid}`)).toEqual([
      `changed ${second!.Sid}`,
      'added New',
      `removed ${first!.Sid}`,
    ]);
    expect(one!.statements[0]).toMatchObject({
      gains: ['action s3:GetObjectAcl', 'on *'],
      loses: [expect.stringMatching(/^on aws_s3_bucket\.output\/results\//)],
    });
  });

  test('a removed condition is a change, and a removed policy removes all its statements', () => {
    const made = recorded('settings');
    const policy = planned(made, 'aws_iam_role_policy.stop');
    policy.policy = String(policy.policy).replace('"Condition":{"Null":{"s3:if-none-match":"false"}},', '');
    expect(review(made).policies[0]!.statements).toMatchObject([
      { kind: 'changed', statement: { sid: 'AdmitJobs' }, loses: ['only if Null s3:if-none-match = false'] },
    ]);
    const gone = change(made, 'aws_iam_role_policy.stop', { actions: ['delete'], after: null });
    const [only, ...others] = review(gone).policies;
    expect(others).toEqual([]);
    expect(new Set(only!.statements.map(({ kind }) => kind))).toEqual(new Set(['removed']));
  });

  test('a bucket is not confused with one whose name begins with its name, nor an object with its bucket', () => {
    let made = add(recorded('fresh'), 'aws_s3_bucket', 'short', { arn: 'arn:aws:s3:::puppets' });
    made = add(made, 'aws_s3_object', 'model', { arn: 'arn:aws:s3:::puppets/model.zip' });
    const names = new Names(made.plan);
    expect(names.readable('arn:aws:s3:::puppets/open/*')).toBe('aws_s3_bucket.short/open/*');
    expect(names.readable('arn:aws:s3:::puppets-data/*')).toBe('arn:aws:s3:::puppets-data/*');
    expect(names.readable('arn:aws:s3:::puppets/model.zip')).toBe('aws_s3_object.model');
  });
});

describe('findings', () => {
  const rules = (made: ReturnType<typeof recorded>) =>
    review(made).findings.map(({ rule, address, isNew }) => `${rule} ${address}${isNew ? ' new' : ''}`);

  test('the pipeline itself has only the finding that it is disposable', () => {
    expect(new Set(review(recorded('fresh')).findings.map(({ rule }) => rule))).toEqual(
      new Set(['disposable']),
    );
  });

  test.each<[string, (made: ReturnType<typeof recorded>) => ReturnType<typeof recorded>, string]>([
    [
      'a bucket without its block of public access',
      (made) => remove(made, 'aws_s3_bucket_public_access_block.data'),
      'public-access aws_s3_bucket.data new',
    ],
    [
      'a block with a hole',
      (made) => {
        planned(made, 'aws_s3_bucket_public_access_block.data').block_public_policy = false;
        return made;
      },
      'public-access aws_s3_bucket.data new',
    ],
    [
      'a bucket whose encryption is not set',
      (made) => remove(made, 'aws_s3_bucket_server_side_encryption_configuration.data'),
      'encryption aws_s3_bucket.data new',
    ],
    [
      'a bucket that keeps no versions',
      (made) => remove(made, 'aws_s3_bucket_versioning.control'),
      'versioning aws_s3_bucket.control new',
    ],
    [
      'an inbound rule',
      (made) => add(made, 'aws_vpc_security_group_ingress_rule', 'ssh', { cidr_ipv4: '0.0.0.0/0' }),
      'ingress aws_vpc_security_group_ingress_rule.ssh new',
    ],
    [
      'an inbound rule inside the group',
      (made) => {
        planned(made, 'aws_security_group.network').ingress = [{ cidr_blocks: ['10.0.0.0/8'] }];
        return made;
      },
      'ingress aws_security_group.network new',
    ],
    [
      'a key pair',
      (made) => {
        planned(made, 'aws_instance.instance').key_name = 'mine';
        return made;
      },
      'key-pair aws_instance.instance new',
    ],
    [
      'IMDSv1',
      (made) => {
        planned(made, 'aws_instance.instance').metadata_options = [{ http_tokens: 'optional' }];
        return made;
      },
      'imdsv1 aws_instance.instance new',
    ],
    [
      'a disk that is not encrypted',
      (made) => {
        planned(made, 'aws_instance.instance').root_block_device = [{ encrypted: false }];
        return made;
      },
      'encryption aws_instance.instance new',
    ],
    [
      'a queue that is not encrypted',
      (made) => {
        planned(made, 'aws_sqs_queue.failures').sqs_managed_sse_enabled = false;
        return made;
      },
      'encryption aws_sqs_queue.failures new',
    ],
    [
      'a permission on every resource',
      (made) =>
        add(made, 'aws_iam_role_policy', 'wide', {
          policy: JSON.stringify({
            Statement: [{ Sid: 'W', Effect: 'Allow', Action: ['s3:GetObject'], Resource: '*' }],
          }),
        }),
      'wildcard aws_iam_role_policy.wide new',
    ],
    [
      'every action of a service',
      (made) =>
        add(made, 'aws_iam_role_policy', 'wide', {
          policy: JSON.stringify({
            Statement: { Effect: 'Allow', Action: 's3:*', Resource: 'arn:aws:s3:::b/*' },
          }),
        }),
      'wildcard aws_iam_role_policy.wide new',
    ],
    [
      'a bucket policy for everybody',
      (made) =>
        add(made, 'aws_s3_bucket_policy', 'open', {
          policy: JSON.stringify({
            Statement: [
              {
                Effect: 'Allow',
                Principal: { AWS: '*' },
                Action: 's3:GetObject',
                Resource: 'arn:aws:s3:::b/*',
              },
            ],
          }),
        }),
      'public-access aws_s3_bucket_policy.open new',
    ],
    [
      'a function that S3 may call for any account',
      (made) =>
        add(made, 'aws_lambda_permission', 'open', {
          action: 'lambda:InvokeFunction',
          principal: 's3.amazonaws.com',
          function_name: 'f',
        }),
      'public-access aws_lambda_permission.open new',
    ],
  ])('%s', (_what, change, expected) => {
    expect(rules(change(recorded('fresh')))).toContain(expected);
  });

  test('a finding that the deployed pipeline has is not new', () => {
    expect(rules(recorded('settings'))).toContain('disposable aws_s3_bucket.control');
  });
});

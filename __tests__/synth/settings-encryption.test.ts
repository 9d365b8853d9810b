import { problemsWith, settingsWith, synthesizePipeline, type Synthesized } from '../support/synth';

const key = (digit: string) =>
  `arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-45678900000${digit}`;
const kmsKeyArn = key('1');
const diskKmsKeyArn = key('2');

const none = synthesizePipeline(settingsWith());
const one = synthesizePipeline(settingsWith({ kmsKeyArn }));
const onlyDisk = synthesizePipeline(settingsWith({ diskKmsKeyArn }));
const two = synthesizePipeline(settingsWith({ kmsKeyArn, diskKmsKeyArn }));

test.each(['data', 'output', 'control'])(
  'the %s bucket is encrypted with the key, and a bucket key reduces calls of KMS',
  (kind) => {
    expect(one.resource.aws_s3_bucket_server_side_encryption_configuration![kind]).toMatchObject({
      rule: [
        {
          apply_server_side_encryption_by_default: { sse_algorithm: 'aws:kms', kms_master_key_id: kmsKeyArn },
          bucket_key_enabled: true,
        },
      ],
    });
  },
);

test('the disk is encrypted with diskKmsKeyArn, otherwise with kmsKeyArn', () => {
  const disk = ({ resource }: Synthesized) => resource.aws_instance!.instance!.root_block_device;
  expect(disk(one)).toMatchObject({ encrypted: true, kms_key_id: kmsKeyArn });
  expect(disk(two)).toMatchObject({ encrypted: true, kms_key_id: diskKmsKeyArn });
  expect(disk(none)).not.toHaveProperty('kms_key_id');
});

test.each(['trigger', 'worker', 'stop'])('the log of %s is encrypted with the key', (name) => {
  expect(one.resource.aws_cloudwatch_log_group![name]).toMatchObject({ kms_key_id: kmsKeyArn });
  expect(none.resource.aws_cloudwatch_log_group![name]).not.toHaveProperty('kms_key_id');
});

test('without a key in the settings, no role may use any key', () => {
  for (const role of ['trigger', 'worker', 'stop', 'instance']) expect(keyStatements(none, role)).toEqual([]);
});

const throughS3 = (...buckets: string[]) => ({
  StringEquals: { 'kms:ViaService': 's3.eu-central-1.amazonaws.com' },
  StringLike: {
    'kms:EncryptionContext:aws:s3:arn': buckets.flatMap((bucket) => [
      `\${aws_s3_bucket.${bucket}.arn}`,
      `\${aws_s3_bucket.${bucket}.arn}/*`,
    ]),
  },
});
const diskGrant = (Resource: string) => ({
  Action: ['kms:CreateGrant'],
  Resource: [Resource],
  Condition: {
    Bool: { 'kms:GrantIsForAWSResource': 'true' },
    StringEquals: { 'kms:ViaService': 'ec2.eu-central-1.amazonaws.com' },
  },
});

test.each(['trigger', 'stop'])(
  '%s may use the key for receipts and the ledger through S3, and for the disk through EC2 when it starts the instance',
  (role) => {
    expect(keyStatements(two, role)).toEqual([
      { Action: ['kms:Decrypt'], Resource: [kmsKeyArn], Condition: throughS3('output') },
      {
        Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
        Resource: [kmsKeyArn],
        Condition: throughS3('control'),
      },
      diskGrant(diskKmsKeyArn),
    ]);
  },
);

test('a key for the disk alone needs the grant for EC2 and no other permission', () => {
  for (const role of ['trigger', 'stop'])
    expect(keyStatements(onlyDisk, role)).toEqual([diskGrant(diskKmsKeyArn)]);
  expect(keyStatements(onlyDisk, 'instance')).toEqual([]);
});

const former = [key('3'), key('4')];

test.each<[string, string[]]>([
  ['trigger', ['output', 'control']],
  ['stop', ['output', 'control']],
  ['instance', ['data', 'control', 'output']],
])('%s may still decrypt what was written with former keys, and nothing more', (role, buckets) => {
  const onlyFormer = synthesizePipeline(settingsWith({ formerKmsKeyArns: former }));
  const changed = synthesizePipeline(settingsWith({ kmsKeyArn, formerKmsKeyArns: former }));
  const decrypt = { Action: ['kms:Decrypt'], Resource: former, Condition: throughS3(...buckets) };
  expect(keyStatements(onlyFormer, role)).toEqual([decrypt]);
  const before = keyStatements(one, role);
  expect(keyStatements(changed, role)).toHaveLength(before.length + 1);
  expect(keyStatements(changed, role)).toEqual(expect.arrayContaining([...before, decrypt]));
  for (const { Action, Resource } of keyStatements(changed, role))
    if (Resource.some((arn) => former.includes(arn))) expect(Action).toEqual(['kms:Decrypt']);
});

test('worker needs no former key', () => {
  const changed = synthesizePipeline(settingsWith({ kmsKeyArn, formerKmsKeyArns: former }));
  expect(keyStatements(changed, 'worker')).toEqual([]);
});

test('worker may use no key', () => {
  expect(keyStatements(two, 'worker')).toEqual([]);
});

test('the instance may decrypt uploads and encrypt its own writes, and may not use the disk’s key', () => {
  expect(keyStatements(two, 'instance')).toEqual([
    { Action: ['kms:Decrypt'], Resource: [kmsKeyArn], Condition: throughS3('data') },
    {
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: [kmsKeyArn],
      Condition: throughS3('control', 'output'),
    },
  ]);
});

test.each<[Record<string, unknown>, string]>([
  [{ kmsKeyArn: 'alias/mine' }, 'kmsKeyArn is "alias/mine"; allowed is a KMS key\'s ARN'],
  [
    { kmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:alias/mine' },
    'kmsKeyArn is "arn:aws:kms:eu-central-1:123456789012:alias/mine"; allowed is a KMS key\'s ARN',
  ],
  [{ region: 'us-east-1', kmsKeyArn }, "allowed is a key in us-east-1, the pipeline's region"],
  [{ region: 'us-east-1', diskKmsKeyArn }, "allowed is a key in us-east-1, the pipeline's region"],
  [
    { formerKmsKeyArns: ['alias/mine'] },
    'formerKmsKeyArns[0] is "alias/mine"; allowed is a list of at most 10',
  ],
  [{ formerKmsKeyArns: kmsKeyArn }, 'allowed is a list of at most 10 different KMS key ARNs'],
  [{ formerKmsKeyArns: [kmsKeyArn, kmsKeyArn] }, 'allowed is a list of at most 10 different KMS key ARNs'],
  [{ region: 'us-east-1', formerKmsKeyArns: [kmsKeyArn] }, 'allowed is a list of keys in us-east-1'],
  [{ kmsKeyArn, formerKmsKeyArns: [diskKmsKeyArn, kmsKeyArn] }, 'allowed is a list without kmsKeyArn'],
])('a wrong key is refused, and the error says what is allowed: %j', (overrides, problem) => {
  const problems = problemsWith(overrides);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(problem);
});

interface Granted {
  Action: string[];
  Resource: string[];
  Condition: unknown;
}

function keyStatements({ resource }: Synthesized, role: string): Granted[] {
  const { Statement } = JSON.parse(String(resource.aws_iam_role_policy![role]!.policy)) as {
    Statement: Granted[];
  };
  return Statement.filter(({ Action }) => Action.some((action) => action.startsWith('kms:'))).map(
    ({ Action, Resource, Condition }) => ({ Action, Resource, Condition }),
  );
}

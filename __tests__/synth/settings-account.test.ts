import { localSettings } from '../../modules/settings/local-cloud';
import { problemsWith, settingsWith, synthesizePipeline } from '../support/synth';

const deployRoleArn = 'arn:aws:iam::123456789012:role/deploy';
const permissionsBoundaryArn = 'arn:aws:iam::123456789012:policy/teams/boundary';

test('the permissions boundary is on every role', () => {
  const { resource } = synthesizePipeline(settingsWith({ permissionsBoundaryArn }));
  const roles = Object.values(resource.aws_iam_role!);
  expect(roles.length).toBeGreaterThanOrEqual(4);
  for (const role of roles) expect(role).toMatchObject({ permissions_boundary: permissionsBoundaryArn });
  for (const role of Object.values(synthesizePipeline(settingsWith()).resource.aws_iam_role!)) {
    expect(role).not.toHaveProperty('permissions_boundary');
  }
});

test('Terraform refuses credentials of another account, and assumes the deploy role', () => {
  const { provider } = synthesizePipeline(settingsWith({ accountId: '123456789012', deployRoleArn }));
  expect(provider.aws).toEqual([
    {
      region: 'eu-central-1',
      default_tags: [{ tags: { Project: 'lamplighter' } }],
      allowed_account_ids: ['123456789012'],
      assume_role: [{ role_arn: deployRoleArn, session_name: 'lamplighter' }],
    },
  ]);
  expect(synthesizePipeline(settingsWith()).provider.aws).toEqual([
    { region: 'eu-central-1', default_tags: [{ tags: { Project: 'lamplighter' } }] },
  ]);
});

test('two people cannot deploy one pipeline at the same time: state and lock are in a bucket', () => {
  const { terraform } = synthesizePipeline(settingsWith({ state: { bucket: 'our-states' } }));
  expect(terraform.backend).toEqual({
    s3: {
      bucket: 'our-states',
      key: 'lamplighter/test.tfstate',
      region: 'eu-central-1',
      encrypt: true,
      use_lockfile: true,
    },
  });
  // Terraform 1.9 rejects use_lockfile.
  expect(terraform.required_version).toBe('>= 1.10.0, < 2.0.0');
});

test('the state may be in another region and account, under any key', () => {
  const kmsKeyArn = 'arn:aws:kms:us-east-1:210987654321:key/01234567-89ab-cdef-0123-456789abcdef';
  const roleArn = 'arn:aws:iam::210987654321:role/states';
  const state = { bucket: 'our-states', key: 'prod/scans', region: 'us-east-1', kmsKeyArn, roleArn };
  expect(synthesizePipeline(settingsWith({ state })).terraform.backend).toEqual({
    s3: {
      bucket: 'our-states',
      key: 'prod/scans',
      region: 'us-east-1',
      encrypt: true,
      use_lockfile: true,
      kms_key_id: kmsKeyArn,
      assume_role: { role_arn: roleArn, session_name: 'lamplighter' },
    },
  });
});

test('the local cloud accepts the same settings, without those that name resources of an account', () => {
  const settings = {
    name: 'scans',
    models: ['model'],
    region: 'us-east-1',
    spot: true,
    privateNetwork: true,
    accountId: '123456789012',
    deployRoleArn,
    permissionsBoundaryArn,
    state: { bucket: 'our-states' },
    kmsKeyArn: 'k',
    diskKmsKeyArn: 'k',
    image: 'ami-01234567',
    vpcId: 'vpc-01234567',
    subnetIds: ['subnet-01234567'],
  };
  const kept = { name: 'scans', models: ['model'], region: 'us-east-1', spot: true, privateNetwork: true };
  expect(localSettings([settings])).toEqual([{ ...kept, lingerSeconds: 2 }]);
  expect(localSettings([{ ...settings, lingerSeconds: 30 }])).toEqual([{ ...kept, lingerSeconds: 30 }]);
  expect(localSettings('garbage')).toBe('garbage');
});

test.each<[Record<string, unknown>, string]>([
  [{ accountId: 123456789012 }, 'accountId is 123456789012; allowed is the number of the only AWS account'],
  [{ accountId: '12' }, 'accountId is "12"; allowed is the number of the only AWS account'],
  [{ deployRoleArn: 'deploy' }, 'deployRoleArn is "deploy"; allowed is the ARN of a role that deploys'],
  [
    { accountId: '210987654321', deployRoleArn },
    `deployRoleArn is "${deployRoleArn}"; allowed is an ARN of the account 210987654321, which is the setting accountId`,
  ],
  [
    { accountId: '210987654321', permissionsBoundaryArn },
    `permissionsBoundaryArn is "${permissionsBoundaryArn}"; allowed is an ARN of the account 210987654321`,
  ],
  [{ permissionsBoundaryArn: deployRoleArn }, "allowed is a policy's ARN"],
  [{ state: 'our-states' }, 'state is "our-states"; allowed is an object with bucket'],
  [{ state: {} }, 'state.bucket is missing; allowed is an object with bucket'],
  [
    { state: { bucket: 'our-states', lock: true } },
    'state is {"bucket":"our-states","lock":true}; allowed is an object',
  ],
  [{ state: { bucket: 'Our States' } }, 'state.bucket is "Our States"; allowed is an object with bucket'],
])('wrong account settings are refused, and the error says what is allowed: %j', (overrides, problem) => {
  const problems = problemsWith(overrides);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(problem);
});

test('a boundary that is a policy of AWS fits every account', () => {
  const boundary = 'arn:aws:iam::aws:policy/PowerUserAccess';
  expect(problemsWith({ accountId: '123456789012', permissionsBoundaryArn: boundary })).toEqual([]);
});

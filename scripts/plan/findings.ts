import type { Finding, Found } from './finding';
import type { Names } from './names';
import type { PlannedResource } from './planned';
import { policyFindings } from './policy-findings';

/** Everything that is public, unencrypted or allows too much after the apply. */
export function findingsOf(
  before: readonly PlannedResource[],
  after: readonly PlannedResource[],
  names: Names,
): Finding[] {
  const idOf = ({ rule, address }: Found) => `${rule} ${address}`;
  const known = new Set(foundIn(before, names).map(idOf));
  return foundIn(after, names).map((one) => ({ ...one, isNew: !known.has(idOf(one)) }));
}

function foundIn(resources: readonly PlannedResource[], names: Names): Found[] {
  return [
    ...bucketFindings(resources),
    ...ingressFindings(resources),
    ...instanceFindings(resources),
    ...storageFindings(resources),
    ...resources.flatMap((resource) => policyFindings(resource, names)),
  ];
}

const ofType = (resources: readonly PlannedResource[], type: string) =>
  resources.filter((resource) => resource.type === type);

const PUBLIC_ACCESS = [
  'block_public_acls',
  'block_public_policy',
  'ignore_public_acls',
  'restrict_public_buckets',
];

type Check = readonly [isWeak: boolean, rule: string, text: string];

const found = ({ address }: PlannedResource, checks: readonly Check[]): Found[] =>
  checks.flatMap(([isWeak, rule, text]) => (isWeak ? [{ rule, address, text }] : []));

function bucketFindings(resources: readonly PlannedResource[]): Found[] {
  return ofType(resources, 'aws_s3_bucket').flatMap((bucket) => {
    const ofBucket = (type: string) =>
      ofType(resources, type).filter((resource) => resource.refersTo('bucket', bucket, 'bucket'));
    const blocks = ofBucket('aws_s3_bucket_public_access_block');
    const open = PUBLIC_ACCESS.filter((argument) => !blocks.some((block) => block.get(argument) === true));
    const isPublic = ofBucket('aws_s3_bucket_acl').some(
      (acl) => acl.text('acl')?.startsWith('public-') === true,
    );
    const isEncrypted = ofBucket('aws_s3_bucket_server_side_encryption_configuration').length > 0;
    const isVersioned = ofBucket('aws_s3_bucket_versioning')
      .flatMap((versioning) => versioning.blocks('versioning_configuration'))
      .some(({ status }) => status === 'Enabled');
    const notVersioned = 'it is not versioned: an overwritten upload is lost, and S3 returns no version ids';
    const disposable = 'the pipeline is disposable: a destroy deletes everything in it';
    return found(bucket, [
      [open.length > 0, 'public-access', `public access is not blocked: set ${open.join(', ')} to true`],
      [isPublic, 'public-access', 'an access control list makes it public: remove it'],
      [!isEncrypted, 'encryption', 'its encryption is not set: set AES256 or a KMS key'],
      [!isVersioned, 'versioning', notVersioned],
      [bucket.get('force_destroy') === true, 'disposable', disposable],
    ]);
  });
}

const ANYWHERE = ['0.0.0.0/0', '::/0'];

/** The instance needs no inbound rule: it fetches its jobs itself, and Session Manager gives people a shell. */
function ingressFindings(resources: readonly PlannedResource[]): Found[] {
  const inline = ofType(resources, 'aws_security_group').flatMap((group) =>
    group.blocks('ingress').map((rule) => ({ address: group.address, from: sourcesOf(rule) })),
  );
  const ruleResources = ofType(resources, 'aws_vpc_security_group_ingress_rule').map((rule) => ({
    address: rule.address,
    from: sourcesOf({ cidr: rule.get('cidr_ipv4'), cidr6: rule.get('cidr_ipv6') }),
  }));
  const olderRuleResources = ofType(resources, 'aws_security_group_rule')
    .filter((rule) => rule.text('type') === 'ingress')
    .map((rule) => ({
      address: rule.address,
      from: sourcesOf({ cidrs: rule.get('cidr_blocks'), cidrs6: rule.get('ipv6_cidr_blocks') }),
    }));
  return [...inline, ...ruleResources, ...olderRuleResources].map(({ address, from }) => ({
    rule: 'ingress',
    address,
    text: from.some((source) => ANYWHERE.includes(source))
      ? 'lets the whole internet in: the instance needs no inbound access, remove the rule'
      : `lets ${from.length === 0 ? 'something' : from.join(', ')} in: the instance needs no inbound access, remove the rule`,
  }));
}

function sourcesOf(rule: Readonly<Record<string, unknown>>): string[] {
  return Object.values(rule)
    .flat()
    .filter((value): value is string => typeof value === 'string' && /^[0-9a-f.:]+\/\d+$/i.test(value));
}

function instanceFindings(resources: readonly PlannedResource[]): Found[] {
  const instances = [...ofType(resources, 'aws_instance'), ...ofType(resources, 'aws_launch_template')];
  return instances.flatMap((instance) => {
    const needsToken = instance
      .blocks('metadata_options')
      .some(({ http_tokens: tokens }) => tokens === 'required');
    const key = instance.text('key_name') ?? '';
    const disks = [...instance.blocks('root_block_device'), ...instance.blocks('ebs_block_device')];
    const isEncrypted = disks.length > 0 && disks.every(({ encrypted }) => encrypted === true);
    const isOpenDisk = instance.type === 'aws_instance' && !isEncrypted;
    const keyPair = `has the key pair ${key}: remove it, Session Manager gives people a shell without one`;
    return found(instance, [
      [!needsToken, 'imdsv1', 'accepts IMDSv1: set metadata_options.http_tokens to required'],
      [key !== '', 'key-pair', keyPair],
      [isOpenDisk, 'encryption', 'has a disk that is not encrypted: set encrypted to true'],
    ]);
  });
}

function storageFindings(resources: readonly PlannedResource[]): Found[] {
  const disks = ofType(resources, 'aws_ebs_volume').filter((disk) => disk.get('encrypted') !== true);
  const queues = ofType(resources, 'aws_sqs_queue').filter(
    (queue) => queue.get('sqs_managed_sse_enabled') !== true && queue.text('kms_master_key_id') === undefined,
  );
  const keys = ofType(resources, 'aws_kms_key').filter((key) => key.get('enable_key_rotation') !== true);
  const logs = ofType(resources, 'aws_cloudwatch_log_group').filter(
    (group) => (group.number('retention_in_days') ?? 0) === 0,
  );
  const urls = ofType(resources, 'aws_lambda_function_url').filter(
    (url) => url.text('authorization_type') === 'NONE',
  );
  const all = (weak: readonly PlannedResource[], rule: string, text: string) =>
    weak.map(({ address }): Found => ({ rule, address, text }));
  const callable = 'lets everybody on the internet call the function: set authorization_type to AWS_IAM';
  return [
    ...all(disks, 'encryption', 'is not encrypted: set encrypted to true'),
    ...all(queues, 'encryption', 'is not encrypted: set sqs_managed_sse_enabled to true or set a KMS key'),
    ...all(keys, 'key-rotation', 'is never rotated: set enable_key_rotation to true'),
    ...all(logs, 'log-retention', 'keeps logs forever: set retention_in_days'),
    ...all(urls, 'public-access', callable),
  ];
}

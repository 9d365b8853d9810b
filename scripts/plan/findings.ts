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
  const known = new Set(foundIn(before, names).map(({ rule, address }) => `${rule} ${address}`));
  return foundIn(after, names).map((found) => ({
    ...found,
    isNew: !known.has(`${found.rule} ${found.address}`),
  }));
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

function bucketFindings(resources: readonly PlannedResource[]): Found[] {
  return ofType(resources, 'aws_s3_bucket').flatMap((bucket) => {
    const ofBucket = (type: string) =>
      ofType(resources, type).filter((resource) => resource.refersTo('bucket', bucket, 'bucket'));
    const found = (rule: string, text: string): Found => ({ rule, address: bucket.address, text });
    const findings: Found[] = [];
    const blocks = ofBucket('aws_s3_bucket_public_access_block');
    const notBlocked = PUBLIC_ACCESS.filter(
      (argument) => !blocks.some((block) => block.get(argument) === true),
    );
    if (notBlocked.length > 0) {
      findings.push(
        found('public-access', `public access is not blocked: set ${notBlocked.join(', ')} to true`),
      );
    }
    if (ofBucket('aws_s3_bucket_acl').some((acl) => acl.text('acl')?.startsWith('public-') === true)) {
      findings.push(found('public-access', 'an access control list makes it public: remove it'));
    }
    if (ofBucket('aws_s3_bucket_server_side_encryption_configuration').length === 0) {
      findings.push(found('encryption', 'its encryption is not set: set AES256 or a KMS key'));
    }
    const isVersioned = ofBucket('aws_s3_bucket_versioning').some((versioning) =>
      versioning.blocks('versioning_configuration').some(({ status }) => status === 'Enabled'),
    );
    if (!isVersioned) {
      findings.push(
        found(
          'versioning',
          'it is not versioned: an overwritten upload is lost, and S3 returns no version ids',
        ),
      );
    }
    if (bucket.get('force_destroy') === true) {
      findings.push(found('disposable', 'the pipeline is disposable: a destroy deletes everything in it'));
    }
    return findings;
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
  return [...ofType(resources, 'aws_instance'), ...ofType(resources, 'aws_launch_template')].flatMap(
    (instance) => {
      const { address } = instance;
      const findings: Found[] = [];
      if (!instance.blocks('metadata_options').some(({ http_tokens: tokens }) => tokens === 'required')) {
        const text = 'accepts IMDSv1: set metadata_options.http_tokens to required';
        findings.push({ rule: 'imdsv1', address, text });
      }
      const key = instance.text('key_name');
      if (key !== undefined) {
        const text = `has the key pair ${key}: remove it, Session Manager gives people a shell without one`;
        findings.push({ rule: 'key-pair', address, text });
      }
      const disks = [...instance.blocks('root_block_device'), ...instance.blocks('ebs_block_device')];
      if (
        instance.type === 'aws_instance' &&
        (disks.length === 0 || disks.some(({ encrypted }) => encrypted !== true))
      ) {
        findings.push({
          rule: 'encryption',
          address,
          text: 'has a disk that is not encrypted: set encrypted to true',
        });
      }
      return findings;
    },
  );
}

function storageFindings(resources: readonly PlannedResource[]): Found[] {
  const disks = ofType(resources, 'aws_ebs_volume').filter((disk) => disk.get('encrypted') !== true);
  const queues = ofType(resources, 'aws_sqs_queue').filter(
    (queue) => queue.get('sqs_managed_sse_enabled') !== true && queue.text('kms_master_key_id') === undefined,
  );
  const keys = ofType(resources, 'aws_kms_key').filter((key) => key.get('enable_key_rotation') !== true);
  const logs = ofType(resources, 'aws_cloudwatch_log_group').filter(
    (group) => group.number('retention_in_days') === undefined || group.number('retention_in_days') === 0,
  );
  const urls = ofType(resources, 'aws_lambda_function_url').filter(
    (url) => url.text('authorization_type') === 'NONE',
  );
  const found = (rule: string, text: string, weak: readonly PlannedResource[]) =>
    weak.map(({ address }): Found => ({ rule, address, text }));
  return [
    ...found('encryption', 'is not encrypted: set encrypted to true', disks),
    ...found('encryption', 'is not encrypted: set sqs_managed_sse_enabled to true or set a KMS key', queues),
    ...found('key-rotation', 'is never rotated: set enable_key_rotation to true', keys),
    ...found('log-retention', 'keeps logs forever: set retention_in_days', logs),
    ...found(
      'public-access',
      'lets everybody on the internet call the function: set authorization_type to AWS_IAM',
      urls,
    ),
  ];
}

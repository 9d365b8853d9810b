import type { Names } from './names';
import type { PlannedResource } from './planned';
import { policyFindings } from './policy-findings';

/** Something that a reviewer should see before it is deployed. */
export interface Finding {
  readonly rule: string;
  readonly address: string;
  /** What is so, and how to mend it. */
  readonly text: string;
  /** It is not so today. */
  readonly isNew: boolean;
}

export type Found = Omit<Finding, 'isNew'>;

/** What is open, unencrypted or too wide in what a plan leads to. */
export function findingsOf(
  before: readonly PlannedResource[],
  after: readonly PlannedResource[],
  names: Names,
): Finding[] {
  const known = new Set(look(before, names).map(({ rule, address }) => `${rule} ${address}`));
  return look(after, names).map((found) => ({
    ...found,
    isNew: !known.has(`${found.rule} ${found.address}`),
  }));
}

function look(resources: readonly PlannedResource[], names: Names): Found[] {
  return [
    ...bucketFindings(resources),
    ...ingressFindings(resources),
    ...instanceFindings(resources),
    ...storageFindings(resources),
    ...resources.flatMap((resource) => policyFindings(resource, names)),
  ];
}

const all = (resources: readonly PlannedResource[], type: string) =>
  resources.filter((resource) => resource.type === type);

const PUBLIC_ACCESS = [
  'block_public_acls',
  'block_public_policy',
  'ignore_public_acls',
  'restrict_public_buckets',
];

function bucketFindings(resources: readonly PlannedResource[]): Found[] {
  return all(resources, 'aws_s3_bucket').flatMap((bucket) => {
    const own = (type: string) =>
      all(resources, type).filter((resource) => resource.refersTo('bucket', bucket, 'bucket'));
    const found = (rule: string, text: string): Found => ({ rule, address: bucket.address, text });
    const findings: Found[] = [];
    const blocks = own('aws_s3_bucket_public_access_block');
    const open = PUBLIC_ACCESS.filter((argument) => !blocks.some((block) => block.get(argument) === true));
    if (open.length > 0) {
      findings.push(found('public-access', `public access is not blocked: set ${open.join(', ')} to true`));
    }
    if (own('aws_s3_bucket_acl').some((acl) => acl.text('acl')?.startsWith('public-') === true)) {
      findings.push(found('public-access', 'an access control list makes it public: take it away'));
    }
    if (own('aws_s3_bucket_server_side_encryption_configuration').length === 0) {
      findings.push(found('encryption', 'its encryption is not said: say AES256 or a KMS key'));
    }
    const versioned = own('aws_s3_bucket_versioning').some((versioning) =>
      versioning.blocks('versioning_configuration').some(({ status }) => status === 'Enabled'),
    );
    if (!versioned) {
      findings.push(
        found(
          'versioning',
          'it is not versioned: an upload that is overwritten is lost, and S3 gives no version ids',
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

/** Nobody has to reach the instance: it fetches its work by itself, and a shell is Session Manager's. */
function ingressFindings(resources: readonly PlannedResource[]): Found[] {
  const inline = all(resources, 'aws_security_group').flatMap((group) =>
    group.blocks('ingress').map((rule) => ({ address: group.address, from: sourcesOf(rule) })),
  );
  const single = all(resources, 'aws_vpc_security_group_ingress_rule').map((rule) => ({
    address: rule.address,
    from: sourcesOf({ cidr: rule.get('cidr_ipv4'), cidr6: rule.get('cidr_ipv6') }),
  }));
  const older = all(resources, 'aws_security_group_rule')
    .filter((rule) => rule.text('type') === 'ingress')
    .map((rule) => ({
      address: rule.address,
      from: sourcesOf({ cidrs: rule.get('cidr_blocks'), cidrs6: rule.get('ipv6_cidr_blocks') }),
    }));
  return [...inline, ...single, ...older].map(({ address, from }) => ({
    rule: 'ingress',
    address,
    text: from.some((source) => ANYWHERE.includes(source))
      ? 'lets the whole internet in: nothing has to reach the instance, take the rule away'
      : `lets ${from.length === 0 ? 'something' : from.join(', ')} in: nothing has to reach the instance, take the rule away`,
  }));
}

function sourcesOf(rule: Readonly<Record<string, unknown>>): string[] {
  return Object.values(rule)
    .flat()
    .filter((value): value is string => typeof value === 'string' && /^[0-9a-f.:]+\/\d+$/i.test(value));
}

function instanceFindings(resources: readonly PlannedResource[]): Found[] {
  return [...all(resources, 'aws_instance'), ...all(resources, 'aws_launch_template')].flatMap((instance) => {
    const { address } = instance;
    const findings: Found[] = [];
    if (!instance.blocks('metadata_options').some(({ http_tokens: tokens }) => tokens === 'required')) {
      const text = 'answers IMDSv1: set metadata_options.http_tokens to required';
      findings.push({ rule: 'imdsv1', address, text });
    }
    const key = instance.text('key_name');
    if (key !== undefined) {
      const text = `has the key pair ${key}: nobody logs in, a shell is Session Manager's; take it away`;
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
  });
}

function storageFindings(resources: readonly PlannedResource[]): Found[] {
  const disks = all(resources, 'aws_ebs_volume').filter((disk) => disk.get('encrypted') !== true);
  const queues = all(resources, 'aws_sqs_queue').filter(
    (queue) => queue.get('sqs_managed_sse_enabled') !== true && queue.text('kms_master_key_id') === undefined,
  );
  const keys = all(resources, 'aws_kms_key').filter((key) => key.get('enable_key_rotation') !== true);
  const logs = all(resources, 'aws_cloudwatch_log_group').filter(
    (group) => group.number('retention_in_days') === undefined || group.number('retention_in_days') === 0,
  );
  const urls = all(resources, 'aws_lambda_function_url').filter(
    (url) => url.text('authorization_type') === 'NONE',
  );
  const found = (rule: string, text: string, ones: readonly PlannedResource[]) =>
    ones.map(({ address }): Found => ({ rule, address, text }));
  return [
    ...found('encryption', 'is not encrypted: set encrypted to true', disks),
    ...found(
      'encryption',
      'is not encrypted: set sqs_managed_sse_enabled to true or give it a KMS key',
      queues,
    ),
    ...found('key-rotation', 'is never rotated: set enable_key_rotation to true', keys),
    ...found('log-retention', 'keeps logs for ever: set retention_in_days', logs),
    ...found('public-access', 'lets anybody on the internet call the function: set AWS_IAM', urls),
  ];
}

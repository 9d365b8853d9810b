import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MotoApi } from './moto/moto-api';
import { ACCOUNT_ID } from './wire/arn';
import { AwsError, escapeXml } from './wire/answer';

/**
 * Resources that the local cloud makes before Terraform, and Terraform then imports. The provider waits a constant time after it
 * has made one of them, for an AWS whose answers are not yet consistent. The waits of provider 5.100.0:
 * - `aws_s3_bucket_lifecycle_configuration`: 10 seconds, then ten equal answers 5 seconds apart, in all 55 seconds;
 * - `aws_subnet` with `map_public_ip_on_launch`: 10 seconds;
 * - `aws_iam_instance_profile`: 5 seconds.
 * The local cloud is consistent, so nothing is gained by them. The others of the list exist because these need them.
 */
const KINDS: readonly Kind[] = [
  kind('aws_vpc', ['cidr_block', 'enable_dns_support', 'enable_dns_hostnames'], makeVpc),
  kind('aws_subnet', ['vpc_id', 'cidr_block', 'availability_zone', 'map_public_ip_on_launch'], makeSubnet),
  kind('aws_s3_bucket', ['bucket', 'force_destroy', 'lifecycle'], makeBucket),
  kind('aws_s3_bucket_lifecycle_configuration', ['bucket', 'rule'], makeLifecycle),
  kind('aws_iam_role', ['name', 'assume_role_policy'], makeRole),
  kind('aws_iam_instance_profile', ['name', 'role'], makeProfile),
];

/** The file beside the synthesized stack that tells Terraform to import the resources. */
const FILE = 'ready-made.tf.json';

const IMPORTED = 'aws_iam_instance_profile';

const stackSchema = z.looseObject({
  provider: z.looseObject({
    aws: z.array(
      z.looseObject({
        region: z.string(),
        default_tags: z.array(z.looseObject({ tags: z.record(z.string(), z.string()) })).default([]),
      }),
    ),
  }),
  resource: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.unknown()))),
});

type Stack = z.infer<typeof stackSchema>;
type Values = Readonly<Record<string, unknown>>;
type Tags = readonly (readonly [string, string])[];

/** A resource that has been made: its import id, and the attributes that other resources refer to. */
interface Made {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}

interface Kind {
  readonly type: string;
  /** The attributes that `make` uses, or that change nothing in the cloud. A resource with another one is left to Terraform. */
  readonly attributes: readonly string[];
  readonly make: (api: MotoApi, values: Values, tags: Tags) => Promise<Made>;
}

function kind(type: string, attributes: Kind['attributes'], make: Kind['make']): Kind {
  return { type, attributes: [...attributes, 'tags', '//'], make };
}

/**
 * Makes the resources of the stack in `folder` that have such waits, and writes the file by which Terraform imports them. A
 * resource that cannot be made here is left to Terraform.
 */
export async function makeReady(folder: string, endpoint: string): Promise<void> {
  const stack = stackSchema.parse(JSON.parse(await readFile(join(folder, 'cdk.tf.json'), 'utf8')));
  const [provider] = stack.provider.aws;
  if (!provider) return;
  const api = new MotoApi(Number(new URL(endpoint).port), provider.region);
  const defaults = provider.default_tags[0]?.tags ?? {};
  const texts = new Map([['data.aws_caller_identity.current.account_id', ACCOUNT_ID]]);
  const imports: { to: string; id: string }[] = [];
  for (const { type, attributes, make } of KINDS) {
    for (const [name, given] of Object.entries(stack.resource[type] ?? {})) {
      const values = resolved(given, texts) as Values | undefined;
      const isKnown = values && Object.keys(values).every((key) => attributes.includes(key));
      if (!isKnown || !isNeeded(stack, type, name)) continue;
      const tags = Object.entries({ ...defaults, ...(values.tags as Record<string, string> | undefined) });
      const made = await unlessRefused(() => make(api, values, tags));
      if (!made) continue;
      imports.push({ to: `${type}.${name}`, id: made.id });
      for (const [key, text] of Object.entries(made.attributes)) texts.set(`${type}.${name}.${key}`, text);
    }
  }
  await writeFile(join(folder, FILE), JSON.stringify({ import: imports }, undefined, 2));
}

/** Removes the file after the first apply: from then on the resources are in Terraform's state. */
export async function forgetReadyMade(folder: string): Promise<void> {
  await rm(join(folder, FILE), { force: true });
}

/** Of the roles, only that of an instance profile is needed. */
function isNeeded({ resource }: Stack, type: string, name: string): boolean {
  if (type !== 'aws_iam_role') return true;
  const profiles = Object.values(resource[IMPORTED] ?? {});
  return profiles.some(({ role }) => role === `\${aws_iam_role.${name}.name}`);
}

/** A reference in Terraform's text. `$${` is no reference. */
const REFERENCE = /(?<!\$)\$\{([^}]*)\}/g;

/** The value with its references replaced. Undefined if it refers to something unknown. */
function resolved(value: unknown, texts: ReadonlyMap<string, string>): unknown {
  const text = JSON.stringify(value);
  const references = [...text.matchAll(REFERENCE)].map(([, reference = '']) => reference);
  if (!references.every((reference) => texts.has(reference))) return undefined;
  return JSON.parse(text.replaceAll(REFERENCE, (_whole, reference: string) => texts.get(reference) ?? ''));
}

/** Undefined if the cloud refuses: Terraform then makes the resource, or gets the error and reports it. */
async function unlessRefused(make: () => Promise<Made>): Promise<Made | undefined> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof AwsError) return undefined;
    throw error;
  }
}

async function makeVpc(api: MotoApi, values: Values, tags: Tags): Promise<Made> {
  const fields = { CidrBlock: String(values.cidr_block), ...ec2Tags('vpc', tags) };
  const id = idIn(await api.query('ec2', 'CreateVpc', fields), 'vpcId');
  for (const [attribute, value] of [
    ['EnableDnsSupport', values.enable_dns_support],
    ['EnableDnsHostnames', values.enable_dns_hostnames],
  ] as const) {
    if (typeof value !== 'boolean') continue;
    await api.query('ec2', 'ModifyVpcAttribute', { VpcId: id, [`${attribute}.Value`]: String(value) });
  }
  return { id, attributes: { id } };
}

async function makeSubnet(api: MotoApi, values: Values, tags: Tags): Promise<Made> {
  const zone = values.availability_zone;
  const answer = await api.query('ec2', 'CreateSubnet', {
    VpcId: String(values.vpc_id),
    CidrBlock: String(values.cidr_block),
    ...(typeof zone === 'string' ? { AvailabilityZone: zone } : {}),
    ...ec2Tags('subnet', tags),
  });
  const id = idIn(answer, 'subnetId');
  const isPublic = String(values.map_public_ip_on_launch === true);
  await api.query('ec2', 'ModifySubnetAttribute', { SubnetId: id, 'MapPublicIpOnLaunch.Value': isPublic });
  return { id, attributes: { id } };
}

async function makeBucket(api: MotoApi, values: Values, tags: Tags): Promise<Made> {
  const bucket = String(values.bucket);
  const place = `<LocationConstraint>${escapeXml(api.region)}</LocationConstraint>`;
  const body = api.region === 'us-east-1' ? '' : xml('CreateBucketConfiguration', place);
  await api.request('PUT', `/${bucket}`, { body });
  const set = tags.map(([key, value]) => xml('Tag', element('Key', key) + element('Value', value), ''));
  await api.request('PUT', `/${bucket}?tagging`, {
    body: xml('Tagging', `<TagSet>${set.join('')}</TagSet>`),
  });
  return { id: bucket, attributes: { bucket } };
}

async function makeLifecycle(api: MotoApi, values: Values): Promise<Made> {
  const bucket = String(values.bucket);
  const rules = z.array(ruleSchema).parse(values.rule);
  const body = xml('LifecycleConfiguration', rules.map(ruleXml).join(''));
  await api.request('PUT', `/${bucket}?lifecycle`, { body });
  return { id: bucket, attributes: {} };
}

const ruleSchema = z.strictObject({
  id: z.string(),
  status: z.string(),
  filter: z.tuple([z.strictObject({ prefix: z.string() })]),
  abort_incomplete_multipart_upload: z
    .tuple([z.strictObject({ days_after_initiation: z.number() })])
    .optional(),
  expiration: z
    .tuple([
      z.strictObject({ days: z.number().optional(), expired_object_delete_marker: z.boolean().optional() }),
    ])
    .optional(),
  noncurrent_version_expiration: z.tuple([z.strictObject({ noncurrent_days: z.number() })]).optional(),
});

function ruleXml(rule: z.infer<typeof ruleSchema>): string {
  const aborted = rule.abort_incomplete_multipart_upload?.[0];
  const expired = rule.expiration?.[0];
  const noncurrent = rule.noncurrent_version_expiration?.[0];
  return xml(
    'Rule',
    [
      element('ID', rule.id),
      `<Filter>${element('Prefix', rule.filter[0].prefix)}</Filter>`,
      element('Status', rule.status),
      expired &&
        xml(
          'Expiration',
          element('Days', expired.days) +
            element('ExpiredObjectDeleteMarker', expired.expired_object_delete_marker),
          '',
        ),
      noncurrent &&
        xml('NoncurrentVersionExpiration', element('NoncurrentDays', noncurrent.noncurrent_days), ''),
      aborted &&
        xml(
          'AbortIncompleteMultipartUpload',
          element('DaysAfterInitiation', aborted.days_after_initiation),
          '',
        ),
    ].join(''),
    '',
  );
}

async function makeRole(api: MotoApi, values: Values, tags: Tags): Promise<Made> {
  const name = String(values.name);
  const AssumeRolePolicyDocument = String(values.assume_role_policy);
  await api.query('iam', 'CreateRole', {
    RoleName: name,
    Path: '/',
    AssumeRolePolicyDocument,
    ...iamTags(tags),
  });
  return { id: name, attributes: { name } };
}

async function makeProfile(api: MotoApi, values: Values, tags: Tags): Promise<Made> {
  const name = String(values.name);
  const profile = { InstanceProfileName: name };
  await api.query('iam', 'CreateInstanceProfile', { ...profile, Path: '/', ...iamTags(tags) });
  await api.query('iam', 'AddRoleToInstanceProfile', { ...profile, RoleName: String(values.role) });
  return { id: name, attributes: { name } };
}

function ec2Tags(resourceType: string, tags: Tags): Record<string, string> {
  return numbered('TagSpecification.1.Tag', tags, { 'TagSpecification.1.ResourceType': resourceType });
}

function iamTags(tags: Tags): Record<string, string> {
  return numbered('Tags.member', tags);
}

function numbered(list: string, tags: Tags, fields: Record<string, string> = {}): Record<string, string> {
  if (tags.length === 0) return {};
  const pairs = tags.flatMap(([key, value], index) => [
    [`${list}.${index + 1}.Key`, key],
    [`${list}.${index + 1}.Value`, value],
  ]);
  return { ...fields, ...(Object.fromEntries(pairs) as Record<string, string>) };
}

function idIn(answer: string, name: string): string {
  return new RegExp(`<${name}>([^<]+)</${name}>`).exec(answer)?.[1] ?? '';
}

/** S3's namespace belongs to the outermost element. */
function xml(
  name: string,
  content: string,
  attributes = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"',
): string {
  return `<${name}${attributes}>${content}</${name}>`;
}

function element(name: string, value: string | number | boolean | undefined): string {
  return value === undefined ? '' : `<${name}>${escapeXml(String(value))}</${name}>`;
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { manifestSchema } from '../../lifecycle/manifest';
import type { drainDocument } from '../../modules/drain-document';
import type { settingsSchema } from '../../modules/settings';
import { readableTerraform } from '../support/readable-terraform';
import { projectPipelines, settingsWith, synthesizePipeline, type Synthesized } from '../support/synth';

/** The pipeline of the project's own cdktf.json. */
const [settings] = projectPipelines();
const stack = synthesizePipeline(settings!);

test('a pipeline consists of exactly these resources, by type and count', () => {
  const counts = Object.entries(stack.resource).map(
    ([type, blocks]) => `${type} ${Object.keys(blocks).length}`,
  );
  expect(counts.sort()).toEqual([
    'aws_cloudwatch_dashboard 1',
    'aws_cloudwatch_event_rule 3',
    'aws_cloudwatch_event_target 3',
    'aws_cloudwatch_log_group 4',
    'aws_cloudwatch_metric_alarm 9',
    'aws_iam_instance_profile 1',
    'aws_iam_role 4',
    'aws_iam_role_policy 7',
    'aws_instance 1',
    'aws_internet_gateway 1',
    'aws_lambda_function 3',
    'aws_lambda_function_event_invoke_config 3',
    'aws_lambda_permission 5',
    'aws_route 1',
    'aws_route_table 1',
    'aws_route_table_association 1',
    'aws_s3_bucket 3',
    'aws_s3_bucket_lifecycle_configuration 3',
    'aws_s3_bucket_notification 2',
    'aws_s3_bucket_ownership_controls 3',
    'aws_s3_bucket_policy 3',
    'aws_s3_bucket_public_access_block 3',
    'aws_s3_bucket_server_side_encryption_configuration 3',
    'aws_s3_bucket_versioning 3',
    'aws_s3_object 2',
    'aws_security_group 1',
    'aws_sns_topic 1',
    'aws_sqs_queue 1',
    'aws_ssm_document 1',
    'aws_ssm_parameter 1',
    'aws_subnet 1',
    'aws_vpc 1',
    'aws_vpc_endpoint 1',
    'aws_vpc_security_group_egress_rule 1',
  ]);
});

test('a change of the synthesized pipeline is visible in the snapshot', () => {
  const text = stack.text
    // The hashes of models, functions and runner.
    .replace(/\b[0-9a-f]{64}\b/g, '<sha256>')
    .replace(/("source_code_hash": )"[^"]*"/g, '$1"<sha256>"');
  const synthesized = JSON.parse(text, withoutDuplicates) as Record<string, object>;
  expect(readableTerraform(synthesized)).toMatchSnapshot();
});

/** Removes parts that are tested elsewhere: the scripts (drain-document.test.ts) and the dashboard's widgets (alarms.test.ts). */
function withoutDuplicates(key: string, value: unknown): unknown {
  if (key === 'dashboard_body') return '<widgets>';
  // The constructs' paths, which the resources' names repeat.
  if (key === '//') return undefined;
  if (key !== 'content') return value;
  const document = JSON.parse(String(value)) as ReturnType<typeof drainDocument>;
  for (const { inputs } of document.mainSteps) inputs.runCommand = ['<script>'];
  return document;
}

test('resource names in a plan are readable, without hashes', () => {
  for (const [type, blocks] of [...Object.entries(stack.resource), ...Object.entries(stack.data)]) {
    for (const name of Object.keys(blocks)) {
      expect(`${type}.${name}`).not.toMatch(/_[0-9A-F]{8}$/);
      expect(name).toMatch(/^[a-z][a-z0-9_-]*$/);
    }
  }
  expect(Object.keys(stack.resource.aws_s3_bucket!)).toEqual(['control', 'data', 'output']);
  expect(Object.keys(stack.resource.aws_lambda_function!)).toEqual(['stop', 'trigger', 'worker']);
});

test('the configuration contains no absolute path and no endpoint, so it is the same in every folder and for the local cloud', () => {
  expect(stack.text).not.toContain(process.cwd());
  expect(stack.text).not.toContain(stack.folder);
  expect(stack.text).not.toMatch(/endpoint[s_]*url|"endpoints"|127\.0\.0\.1|localhost/i);
  expect(stack.terraform.backend).toEqual({ local: { path: '../../../terraform.breast-cancer.tfstate' } });
});

test('the versions of Terraform and the provider are pinned, so a later deploy uses the same provider', () => {
  expect(stack.terraform).toMatchObject({
    required_version: '>= 1.5.0, < 2.0.0',
    required_providers: { aws: { version: '=5.100.0' } },
  });
});

test('every file that Terraform uploads exists', () => {
  const uploads = [...all(stack, 'aws_lambda_function'), ...all(stack, 'aws_s3_object')];
  const paths = uploads.map((block) => block.filename ?? block.source);
  expect(paths).toHaveLength(5);
  for (const path of paths) expect(existsSync(join(stack.folder, String(path)))).toBe(true);
});

test('a job admitted before a deploy keeps its model: keys are stable, and versions are pinned', () => {
  const objects = all(stack, 'aws_s3_object').map(({ key }) => key);
  expect(objects).toEqual(['models/breast-cancer/model.zip', 'runner/runner.mjs']);
  const { LAMPLIGHTER_MODELS } = environment(stack, 'trigger');
  expect(JSON.parse(LAMPLIGHTER_MODELS!)).toMatchObject([
    {
      name: 'breast-cancer',
      zipKey: 'models/breast-cancer/model.zip',
      zipVersionId: '${aws_s3_object.model_breast-cancer.version_id}',
    },
  ]);
});

test('an overwritten model is kept for a year, for jobs that were admitted before', () => {
  const { rule } = stack.resource.aws_s3_bucket_lifecycle_configuration!.control! as {
    rule: { id: string }[];
  };
  expect(rule.find(({ id }) => id === 'models')).toMatchObject({
    filter: [{ prefix: 'models/' }],
    noncurrent_version_expiration: [{ noncurrent_days: 365 }],
  });
});

test.each(['open', 'claims', 'attempts', 'status'])(
  'what ended jobs leave below %s/ is gone after days: each list of it would walk over 30 days of delete markers',
  (id) => {
    const { rule } = stack.resource.aws_s3_bucket_lifecycle_configuration!.control! as {
      rule: { id: string; noncurrent_version_expiration: { noncurrent_days: number }[] }[];
    };
    const [expiry] = rule.find((each) => each.id === id)!.noncurrent_version_expiration;
    expect(expiry!.noncurrent_days).toBeLessThanOrEqual(3);
  },
);

test.each(['claims', 'attempts'])(
  '%s of a job that waits for months do not expire: its attempts would begin at 1 again',
  (id) => {
    const { rule } = stack.resource.aws_s3_bucket_lifecycle_configuration!.control! as {
      rule: { id: string; expiration?: unknown }[];
    };
    const own = rule.find((each) => each.id === id);
    expect(own?.expiration).toEqual([{ expired_object_delete_marker: true }]);
  },
);

test('each function receives the environment variables that the lifecycle needs', () => {
  expect(Object.keys(environment(stack, 'trigger')).sort()).toEqual([
    'LAMPLIGHTER_CONTROL_BUCKET',
    'LAMPLIGHTER_DATA_BUCKET',
    'LAMPLIGHTER_INSTANCE_ID',
    'LAMPLIGHTER_MODELS',
    'LAMPLIGHTER_OUTPUT_BUCKET',
    'LAMPLIGHTER_PIPELINE',
    'LAMPLIGHTER_WORKER_FUNCTION',
  ]);
  expect(environment(stack, 'worker')).toMatchObject({
    LAMPLIGHTER_DOCUMENT: '${aws_ssm_document.drain.name}',
    LAMPLIGHTER_DRAIN_LOG_GROUP: '${aws_cloudwatch_log_group.drain-log.name}',
    LAMPLIGHTER_TIME_LIMIT_SECONDS: '300',
  });
  expect(environment(stack, 'stop')).toMatchObject({
    LAMPLIGHTER_TIME_LIMIT_SECONDS: '120',
    LAMPLIGHTER_BREAKER_WAKE_UPS: '3',
    LAMPLIGHTER_LINGER_SECONDS: '30',
    LAMPLIGHTER_METRICS: 'on',
  });
});

test('a model card cannot inject a Terraform expression', () => {
  const [model] = settingsWith().models;
  const prefix = '${path.module}/%{ if true }';
  const card = { ...model!.card, takes: { prefix, suffixes: ['${x}.csv'] } };
  const hostile = synthesizePipeline({ ...settingsWith(), models: [{ ...model!, card }] });
  expect(environment(hostile, 'trigger').LAMPLIGHTER_MODELS).toContain(
    '"prefix":"$${path.module}/%%{ if true }","suffixes":["$${x}.csv"]',
  );
});

test('the command line can read the manifest', () => {
  const manifest = stack.resource.aws_ssm_parameter!.manifest!;
  expect(manifest.name).toBe('/lamplighter/breast-cancer/manifest');
  expect(manifestSchema.parse(JSON.parse(String(manifest.insecure_value)))).toMatchObject({
    pipeline: 'breast-cancer',
    instanceId: '${aws_instance.instance.id}',
  });
});

test('S3 calls trigger for uploads, and stop only for receipts', () => {
  const { data, output, control } = stack.resource.aws_s3_bucket_notification!;
  expect(data).toMatchObject({
    lambda_function: [
      { events: ['s3:ObjectCreated:*'], lambda_function_arn: '${aws_lambda_function.trigger.arn}' },
    ],
  });
  expect(output).toMatchObject({
    lambda_function: [
      {
        events: ['s3:ObjectCreated:*'],
        filter_prefix: 'results/',
        filter_suffix: '/receipt.json',
        lambda_function_arn: '${aws_lambda_function.stop.arn}',
      },
    ],
  });
  expect(control).toBeUndefined();
});

test('a bucket has one notification configuration, because a second would silently replace the first', () => {
  const buckets = all(stack, 'aws_s3_bucket_notification').map(({ bucket }) => bucket);
  expect(new Set(buckets).size).toBe(buckets.length);
});

test("EventBridge calls stop for the instance's state, the end of drain commands, and the sweep", () => {
  const rules = stack.resource.aws_cloudwatch_event_rule!;
  expect(JSON.parse(String(rules['instance-state']!.event_pattern))).toEqual({
    source: ['aws.ec2'],
    'detail-type': ['EC2 Instance State-change Notification'],
    detail: { 'instance-id': ['${aws_instance.instance.id}'], state: ['running', 'stopped', 'terminated'] },
  });
  expect(JSON.parse(String(rules['drain-ended']!.event_pattern))).toMatchObject({
    source: ['aws.ssm'],
    detail: {
      'document-name': ['${aws_ssm_document.drain.name}'],
      status: expect.arrayContaining(['Success', 'Failed', 'TimedOut', 'Cancelled']) as unknown,
    },
  });
  expect(rules.sweep!.schedule_expression).toBe('rate(5 minutes)');
  for (const target of all(stack, 'aws_cloudwatch_event_target')) {
    expect(target.arn).toBe('${aws_lambda_function.stop.arn}');
  }
});

test('a sweep every minute has the schedule rate(1 minute), the only form that EventBridge accepts', () => {
  const { sweep } = synthesizePipeline(settingsWith({ sweepMinutes: 1 })).resource.aws_cloudwatch_event_rule!;
  expect(sweep!.schedule_expression).toBe('rate(1 minute)');
});

test('an event that failed in every attempt is kept for two weeks', () => {
  expect(stack.resource.aws_sqs_queue!.failures).toMatchObject({ message_retention_seconds: 1_209_600 });
  for (const config of all(stack, 'aws_lambda_function_event_invoke_config')) {
    expect(config).toMatchObject({
      maximum_retry_attempts: 2,
      destination_config: { on_failure: { destination: '${aws_sqs_queue.failures.arn}' } },
    });
  }
});

test('a plan while the pipeline runs has no changes, and a new image does not replace the instance', () => {
  const { ignore_changes } = stack.resource.aws_instance!.instance!.lifecycle as { ignore_changes: string[] };
  expect(ignore_changes).toEqual([
    'ami',
    'tags["lamplighter:phase"]',
    'tags_all["lamplighter:phase"]',
    'tags["lamplighter:hold"]',
    'tags_all["lamplighter:hold"]',
    'tags["lamplighter:pause"]',
    'tags_all["lamplighter:pause"]',
  ]);
});

test('a plan does not replace a stopped instance, because the subnet assigns the public address', () => {
  expect(stack.resource.aws_instance!.instance).not.toHaveProperty('associate_public_ip_address');
  expect(stack.resource.aws_subnet!.network).toMatchObject({ map_public_ip_on_launch: true });
});

test.each(['c7g.large', 'm6gd.large', 'im4gn.large', 't4g.small', 'g5g.xlarge', 'a1.large'])(
  '%s gets an image for its architecture: arm64',
  (instanceType) => expect(imageOf(instanceType)).toMatch(/-arm64$/),
);

test.each(['c7i.large', 'm7i-flex.large', 'g5.xlarge', 'p4d.24xlarge', 'u7i-12tb.224xlarge', 't3.small'])(
  '%s gets an image for its architecture: x86_64',
  (instanceType) => expect(imageOf(instanceType)).toMatch(/-x86_64$/),
);

test('the tags are on everything, so that a bill can be split by them', () => {
  const tagged = synthesizePipeline(settingsWith({ tags: { team: 'imaging' } }));
  expect(tagged.provider.aws).toMatchObject([
    { default_tags: [{ tags: { Project: 'lamplighter', team: 'imaging' } }] },
  ]);
});

test('the drain lingers, not the stop function: a function asleep would use up the account’s concurrency', () => {
  const { resource } = synthesizePipeline(settingsWith({ lingerSeconds: 600, leaseSeconds: 15 }));
  expect(resource.aws_lambda_function!.stop).toMatchObject({ timeout: 120 });
  const document = String(resource.aws_ssm_document!.drain!.content).replaceAll('\\', '');
  expect(document).toContain('"leaseSeconds":900,"lingerSeconds":600');
});

test('admission receives the bounds of a card that differ from the defaults, and no others: the room is 4 KB', () => {
  const settings = settingsWith();
  const models = settings.models.map((model) => ({ ...model, card: { ...model.card, maxInterruptions: 7 } }));
  const changed = synthesizePipeline({ ...settings, models });
  expect(environment(changed, 'trigger').LAMPLIGHTER_MODELS).toMatch(
    /"suffixes":\[\],"maxInterruptions":7\}\]$/,
  );
  expect(String(changed.resource.aws_ssm_parameter!.manifest!.insecure_value)).toContain(
    '"maxInterruptions":7',
  );
  expect(environment(stack, 'trigger').LAMPLIGHTER_MODELS).not.toContain('max');
});

test('every setting changes the synthesized JSON', () => {
  const plain = synthesizePipeline(settingsWith()).text;
  // A setting that is undefined here needs others with it, and has its own test.
  const others: Record<keyof typeof settingsSchema.shape, unknown> = {
    name: 'other',
    region: 'us-west-2',
    models: undefined,
    instanceType: 'c7g.large',
    diskGiB: 31,
    disposable: true,
    sweepMinutes: 6,
    idleShutdownMinutes: 11,
    // It has no effect any more.
    leaseSeconds: undefined,
    lingerSeconds: 0,
    breakerWakeUps: 4,
    logRetentionDays: 7,
    alarms: false,
    phaseTag: false,
    alarmEmails: ['ada@example.org'],
    networkCidr: '10.72.0.0/24',
    availabilityZone: 'eu-central-1a',
    tags: { a: 'b' },
    vpcId: undefined,
    subnetIds: undefined,
    privateNetwork: true,
    privateEndpoints: undefined,
    image: 'ami-0123456789abcdef0',
    spot: true,
    kmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef',
    formerKmsKeyArns: ['arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef'],
    diskKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef',
    accountId: '123456789012',
    deployRoleArn: 'arn:aws:iam::123456789012:role/deploy',
    permissionsBoundaryArn: 'arn:aws:iam::123456789012:policy/boundary',
    state: { bucket: 'states' },
  };
  for (const [name, value] of Object.entries(others)) {
    if (value === undefined) continue;
    const changed = synthesizePipeline(settingsWith({ [name]: value })).text;
    expect({ name, same: changed === plain }).toEqual({ name, same: false });
  }
});

function all({ resource }: Synthesized, type: string) {
  return Object.values(resource[type]!);
}

function environment({ resource }: Synthesized, name: string): Record<string, string> {
  const lambda = resource.aws_lambda_function![name] as {
    environment: { variables: Record<string, string> };
  };
  return lambda.environment.variables;
}

function imageOf(instanceType: string): string {
  return String(synthesizePipeline(settingsWith({ instanceType })).data.aws_ssm_parameter!.instance!.name);
}

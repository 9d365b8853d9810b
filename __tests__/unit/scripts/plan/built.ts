import type { MadePlan } from '../../../../scripts/plan/make-plan';
import { type Edit, type Values, add, change, drift, planned, recorded, resource } from './recorded';

/*
 * Plans built on the deployed pipeline of the recording `settings`. Which values are unknown or sensitive is taken from
 * plans that Terraform 1.11.4 made for the same changes.
 */

/** The deployed pipeline; the plan changes nothing. */
function deployed(): MadePlan {
  const made = recorded('settings');
  const kept = made.plan.resource_changes.reduce(
    (plan, { address, change: { before } }) => change(plan, address, { actions: ['no-op'], after: before }),
    made,
  );
  return [
    ['aws_cloudwatch_event_rule.sweep', { schedule_expression: 'rate(5 minutes)' }] as const,
    ['aws_cloudwatch_log_group.stop', { retention_in_days: 30 }] as const,
    ['aws_instance.instance', { instance_type: 'c7i.large', root_block_device: DISK }] as const,
  ].reduce((plan, [address, configured]) => change(plan, address, { configured }), kept);
}

const DISK = { delete_on_termination: true, encrypted: true, volume_size: 30, volume_type: 'gp3' };

/** One more resource that is deployed and stays. */
function keep(made: MadePlan, type: string, name: string, values: Values, configured: Values): MadePlan {
  const kept = { actions: ['no-op' as const], before: values, after: values, before_sensitive: {} };
  return change(add(made, type, name, configured), `${type}.${name}`, kept);
}

function withModels(made: MadePlan): MadePlan {
  const versions = {
    puppet: '221e1f84-3e36-4066-8fc4-139cd2442053',
    strict: '34602cd4-d8e3-4fe6-95c5-a3c21ca81c7a',
  };
  return Object.entries(versions).reduce((plan, [model, version]) => {
    const key = `models/${model}/model.zip`;
    const bucket = 'puppets-control-123456789012-eu-central-1';
    const values = { arn: `arn:aws:s3:::${bucket}/${key}`, bucket, id: key, key, version_id: version };
    const configured = { bucket: '${aws_s3_bucket.control.bucket}', key };
    return keep(plan, 'aws_s3_object', `model_${model}`, values, configured);
  }, made);
}

const MODELS = 'LAMPLIGHTER_MODELS';

/** The settings without one of two models. */
export function modelRemoved(): MadePlan {
  const made = withModels(deployed());
  const [stop, before] = environmentOf(made, 'stop');
  const [configured] = configuredEnvironmentOf(made, 'stop');
  const models = modelsIn(before);
  const references = modelsIn(configured);
  const manifest = (left: readonly unknown[]) => JSON.stringify({ version: 1, models: left });
  const argument = { name: '/lamplighter/puppets/manifest', type: 'String' };
  const sensitive = { value: true, value_wo: true };
  const edits: [address: string, edit: Edit][] = [
    [
      'aws_lambda_function.stop',
      {
        actions: ['update'],
        after: { ...stop, environment: [{ variables: { ...before, ...firstOf(models) } }] },
        configured: { environment: { variables: { ...configured, ...firstOf(references) } } },
      },
    ],
    [
      'aws_ssm_parameter.manifest',
      {
        actions: ['update'],
        after: { ...argument, insecure_value: manifest(models.slice(0, 1)), value: null },
        after_unknown: { value: true },
        before_sensitive: sensitive,
        after_sensitive: sensitive,
        configured: { insecure_value: manifest(references.slice(0, 1)) },
      },
    ],
    ['aws_s3_object.model_strict', { actions: ['delete'], after: null }],
  ];
  return edits.reduce(
    (plan, [address, edit]) => change(plan, address, edit),
    keep(
      made,
      'aws_ssm_parameter',
      'manifest',
      { ...argument, insecure_value: manifest(models), value: null },
      { ...argument, insecure_value: manifest(references) },
    ),
  );
}

const modelsIn = (variables: Values) => JSON.parse(String(variables[MODELS])) as unknown[];
const firstOf = (models: readonly unknown[]) => ({ [MODELS]: JSON.stringify(models.slice(0, 1)) });

/** The values of a function, and the environment variables among them. */
function environmentOf(made: MadePlan, name: string): [values: Values, variables: Values] {
  const values = planned(made, `aws_lambda_function.${name}`);
  const [block] = values.environment as { variables: Values }[];
  return [values, block!.variables];
}

function configuredEnvironmentOf(made: MadePlan, name: string): [variables: Values] {
  const { environment } = made.configuration.resource.aws_lambda_function![name]!;
  return [(environment as { variables: Values }).variables];
}

/** Another `networkCidr`: Terraform replaces the network and everything in it. */
export function otherNetwork(): MadePlan {
  const cidr = { cidr_block: '10.72.0.0/24' };
  let made = withNetwork(withWorker(withModels(deployed())));
  const instance = planned(made, 'aws_instance.instance');
  const tags = { Name: 'puppets', 'lamplighter:pipeline': 'puppets' };
  made = replace(made, 'aws_instance.instance', ['subnet_id'], ['subnet_id', 'vpc_security_group_ids'], {
    after: {
      tags,
      tags_all: { ...tags, Project: 'lamplighter' },
      hibernation: null,
      root_block_device: [DISK],
    },
    after_unknown: {
      cpu_core_count: true,
      metadata_options: [{}],
      root_block_device: [
        { device_name: true, iops: true, kms_key_id: true, tags_all: true, volume_id: true },
      ],
      user_data: true,
    },
    before: { ...instance, key_name: '', security_groups: [] },
  });
  made = replace(made, 'aws_security_group.network', ['vpc_id'], ['vpc_id']);
  made = replace(made, 'aws_subnet.network', ['vpc_id', 'cidr_block'], ['vpc_id'], { after: cidr });
  made = replace(made, 'aws_vpc.network', ['cidr_block'], [], { after: cidr });
  made = change(made, 'aws_subnet.network', { configured: cidr });
  made = change(made, 'aws_vpc.network', { configured: cidr });
  made = makeUnknown(made, 'aws_cloudwatch_event_rule.instance-state', 'event_pattern');
  made = makeUnknown(made, 'aws_iam_role_policy.stop', 'policy');
  for (const name of ['stop', 'worker']) {
    const [values] = environmentOf(made, name);
    made = change(made, `aws_lambda_function.${name}`, {
      actions: ['update'],
      after: { ...values, environment: [{}] },
      after_unknown: { architectures: [false], environment: [{ variables: true }], tracing_config: [{}] },
      before_sensitive: { architectures: [false], environment: [{ variables: {} }] },
      after_sensitive: { architectures: [false], environment: [{ variables: {} }] },
    });
  }
  return made;
}

function withWorker(made: MadePlan): MadePlan {
  const name = 'puppets-worker';
  const instance = 'i-17961c427e0f7521e';
  const variables = (id: string) => ({ LAMPLIGHTER_INSTANCE_ID: id, LAMPLIGHTER_PIPELINE: 'puppets' });
  const worker = keep(
    made,
    'aws_lambda_function',
    'worker',
    {
      architectures: ['arm64'],
      arn: `arn:aws:lambda:eu-central-1:123456789012:function:${name}`,
      environment: [{ variables: variables(instance) }],
      function_name: name,
      id: name,
    },
    {
      architectures: ['arm64'],
      environment: { variables: variables('${aws_instance.instance.id}') },
      function_name: name,
    },
  );
  const event = (id: string) =>
    JSON.stringify({ source: ['aws.ec2'], detail: { 'instance-id': [id], state: ['running', 'stopped'] } });
  const rule = { name: 'puppets-instance-state' };
  return keep(
    worker,
    'aws_cloudwatch_event_rule',
    'instance-state',
    { ...rule, event_pattern: event(instance) },
    { ...rule, event_pattern: event('${aws_instance.instance.id}') },
  );
}

function withNetwork(made: MadePlan): MadePlan {
  const arn = 'arn:aws:ec2:eu-central-1:123456789012';
  const [vpc, group] = ['vpc-ea59dc2806ca7df23', 'sg-4df72f86cfad2a9cb'];
  const cidr = { cidr_block: '10.71.0.0/24' };
  return keep(
    keep(
      made,
      'aws_security_group',
      'network',
      { arn: `${arn}:security-group/${group}`, id: group, ingress: [], name: 'puppets-2026', vpc_id: vpc },
      { vpc_id: '${aws_vpc.network.id}' },
    ),
    'aws_vpc',
    'network',
    { ...cidr, arn: `${arn}:vpc/${vpc}`, enable_dns_hostnames: false, id: vpc, owner_id: '123456789012' },
    cidr,
  );
}

/**
 * Terraform destroys and creates a resource. Values that the configuration does not set become unknown.
 * @param because the arguments that force the replacement
 * @param unknown the arguments that refer to a new resource
 */
function replace(
  made: MadePlan,
  address: string,
  because: readonly string[],
  unknown: readonly string[],
  edit: Edit = {},
): MadePlan {
  const { type, name, change: kept } = resource(made, address);
  const before = edit.before ?? kept.before ?? {};
  const configured = made.configuration.resource[type]?.[name] ?? {};
  const isUnknown = (argument: string) =>
    !(argument in (edit.after ?? {})) && (configured[argument] === undefined || unknown.includes(argument));
  const entries = Object.entries(before);
  const masks = Object.fromEntries(entries.filter(([key]) => isUnknown(key)).map(([key]) => [key, true]));
  const after = Object.fromEntries(entries.filter(([key]) => !isUnknown(key)));
  return change(made, address, {
    actions: ['delete', 'create'],
    before,
    after: { ...after, ...edit.after },
    after_unknown: { ...masks, ...(edit.after_unknown as object | undefined) },
    replace_paths: because.map((argument) => [argument]),
  });
}

/** Terraform updates an argument to a value that it knows after the apply only. */
function makeUnknown(made: MadePlan, address: string, argument: string): MadePlan {
  const { [argument]: _value, ...after } = planned(made, address);
  return change(made, address, { actions: ['update'], after, after_unknown: { [argument]: true } });
}

/** Another `region`: Terraform finds only the buckets there, because their names are global. */
export function otherRegion(): MadePlan {
  let made = keep(
    deployed(),
    'aws_ssm_document',
    'drain',
    { arn: 'arn:aws:ssm:eu-central-1:123456789012:document/puppets-drain', id: 'puppets-drain' },
    { name: 'puppets-drain' },
  );
  for (const name of ['control', 'data']) {
    const address = `aws_s3_bucket.${name}`;
    const bucket = (account: string) => ({ bucket: `puppets-${name}-${account}-eu-west-1` });
    made = replace(made, address, ['bucket'], [], { after: bucket('123456789012') });
    made = change(made, address, { configured: bucket('${data.aws_caller_identity.current.account_id}') });
    // A refresh after the first deploy, which is no loss.
    made = drift(made, address, { before: { tags: null }, after: { tags: {} } });
  }
  made = makeUnknown(made, 'aws_iam_role_policy.stop', 'policy');
  for (const address of ['aws_instance.instance', 'aws_ssm_document.drain']) {
    made = drift(made, address, { actions: ['delete'], after: null });
    const { arn: _arn, id: _id, ...after } = planned(made, address);
    const masks = { arn: true, id: true };
    made = change(made, address, { actions: ['create'], before: null, after, after_unknown: masks });
  }
  return made;
}

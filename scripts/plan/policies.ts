import type { Names } from './names';
import type { PlannedResource } from './planned';

/** One statement of a policy, split into its parts. */
export interface Statement {
  readonly sid: string;
  readonly effect: string;
  readonly principals: readonly string[];
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** `StringEquals aws:SourceAccount = 123` */
  readonly conditions: readonly string[];
}

/** The argument that holds a policy, by the type of the resource. */
const POLICY_ARGUMENTS: Readonly<Record<string, string>> = {
  aws_cloudwatch_log_resource_policy: 'policy_document',
  aws_ecr_repository_policy: 'policy',
  aws_iam_group_policy: 'policy',
  aws_iam_policy: 'policy',
  aws_iam_role: 'assume_role_policy',
  aws_iam_role_policy: 'policy',
  aws_iam_user_policy: 'policy',
  aws_kms_key: 'policy',
  aws_kms_key_policy: 'policy',
  aws_s3_bucket_policy: 'policy',
  aws_secretsmanager_secret_policy: 'policy',
  aws_sns_topic_policy: 'policy',
  aws_sqs_queue_policy: 'policy',
  aws_vpc_endpoint: 'policy',
};

export function isPolicyArgument(type: string, argument: string): boolean {
  return POLICY_ARGUMENTS[type] === argument || type === 'aws_lambda_permission';
}

/**
 * The policy statements of a resource, with readable names. A policy that the configuration does not set is AWS's default, so
 * it has no statements here.
 */
export function statementsOf(resource: PlannedResource, names: Names): Statement[] {
  const { type } = resource;
  if (type === 'aws_lambda_permission') return [permissionStatement(resource, names)];
  if (type === 'aws_iam_role_policy_attachment') return [attachmentStatement(resource, names)];
  const argument = POLICY_ARGUMENTS[type];
  if (argument === undefined || !resource.sets(argument)) return [];
  const text = resource.text(argument);
  if (text === undefined) return [];
  return statementsIn(text).map((statement, index) => readableStatement(statement, index, names));
}

/** Lambda stores a function's permission as a statement of the function's policy. */
function permissionStatement(resource: PlannedResource, names: Names): Statement {
  const value = (argument: string) => names.readable(resource.text(argument) ?? '');
  const conditions = [
    ['ArnLike aws:SourceArn', value('source_arn')],
    ['StringEquals aws:SourceAccount', value('source_account')],
  ];
  return {
    sid: resource.name,
    effect: 'Allow',
    principals: [value('principal')],
    actions: [value('action')],
    resources: [value('function_name')],
    conditions: conditions.flatMap(([key, wanted]) => (wanted === '' ? [] : [`${key} = ${wanted}`])),
  };
}

function attachmentStatement(resource: PlannedResource, names: Names): Statement {
  const policy = names.readable(resource.text('policy_arn') ?? '');
  return {
    sid: resource.name,
    effect: 'Allow',
    principals: [],
    actions: [`everything that ${policy} allows`],
    resources: [],
    conditions: [],
  };
}

type Document = Readonly<Record<string, unknown>>;

function statementsIn(text: string): Document[] {
  try {
    const { Statement: statements } = JSON.parse(text) as { Statement?: Document | Document[] };
    return statements === undefined ? [] : [statements].flat();
  } catch {
    return [];
  }
}

function readableStatement(statement: Document, index: number, names: Names): Statement {
  const partsOf = (key: string) => words(statement[key]).map((word) => names.readable(word));
  const allBut = (key: string) => partsOf(key).map((word) => `all but ${word}`);
  return {
    sid: typeof statement.Sid === 'string' && statement.Sid !== '' ? statement.Sid : `statement ${index + 1}`,
    effect: String(statement.Effect),
    principals: [
      ...principals(statement.Principal, names),
      ...principals(statement.NotPrincipal, names, 'all but '),
    ],
    actions: [...partsOf('Action'), ...allBut('NotAction')],
    resources: [...partsOf('Resource'), ...allBut('NotResource')],
    conditions: conditions(statement.Condition, names),
  };
}

/** A policy has a list of words, or a single word instead. */
function words(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  return [value].flat().map(String);
}

function principals(value: unknown, names: Names, before = ''): string[] {
  if (typeof value !== 'object' || value === null) return words(value).map((word) => `${before}${word}`);
  return Object.entries(value).flatMap(([, principal]) =>
    words(principal).map((word) => `${before}${names.readable(word)}`),
  );
}

function conditions(value: unknown, names: Names): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const wantedText = (wanted: unknown) =>
    words(wanted)
      .map((word) => names.readable(word))
      .join(' or ');
  return Object.entries(value as Record<string, Record<string, unknown>>).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, wanted]) => `${operator} ${key} = ${wantedText(wanted)}`),
  );
}

import type { Names } from './names';
import type { PlannedResource } from './planned';

/** One statement of a policy: what it is called, and all it says, each part by itself. */
export interface Statement {
  readonly sid: string;
  readonly effect: string;
  readonly principals: readonly string[];
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** `StringEquals aws:SourceAccount = 123` */
  readonly conditions: readonly string[];
}

/** Where policies stand, by the type of the resource. */
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
 * The statements that a resource stands for, in readable names. A policy that only AWS or Terraform knows, because the
 * configuration does not say one, is nobody's change: it has none.
 */
export function statementsOf(resource: PlannedResource, names: Names): Statement[] {
  const { type } = resource;
  if (type === 'aws_lambda_permission') return [invocation(resource, names)];
  if (type === 'aws_iam_role_policy_attachment') return [attachment(resource, names)];
  const argument = POLICY_ARGUMENTS[type];
  if (argument === undefined || !resource.says(argument)) return [];
  const text = resource.text(argument);
  if (text === undefined) return [];
  return statementsIn(text).map((statement, index) => readable(statement, index, names));
}

/** A function's permission is a statement of the policy that Lambda keeps for it. */
function invocation(resource: PlannedResource, names: Names): Statement {
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
    conditions: conditions.flatMap(([what, of]) => (of === '' ? [] : [`${what} = ${of}`])),
  };
}

function attachment(resource: PlannedResource, names: Names): Statement {
  const policy = names.readable(resource.text('policy_arn') ?? '');
  return {
    sid: resource.name,
    effect: 'Allow',
    principals: [],
    actions: [`whatever ${policy} allows`],
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

function readable(statement: Document, index: number, names: Names): Statement {
  const all = (key: string) => words(statement[key]).map((word) => names.readable(word));
  const not = (key: string) => all(key).map((word) => `all but ${word}`);
  return {
    sid: typeof statement.Sid === 'string' && statement.Sid !== '' ? statement.Sid : `statement ${index + 1}`,
    effect: String(statement.Effect),
    principals: [
      ...principals(statement.Principal, names),
      ...principals(statement.NotPrincipal, names, 'all but '),
    ],
    actions: [...all('Action'), ...not('NotAction')],
    resources: [...all('Resource'), ...not('NotResource')],
    conditions: conditions(statement.Condition, names),
  };
}

const words = (value: unknown): string[] =>
  (Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]).map(String);

function principals(value: unknown, names: Names, before = ''): string[] {
  if (typeof value !== 'object' || value === null) return words(value).map((word) => `${before}${word}`);
  return Object.entries(value).flatMap(([, who]) =>
    words(who).map((word) => `${before}${names.readable(word)}`),
  );
}

function conditions(value: unknown, names: Names): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value as Record<string, Record<string, unknown>>).flatMap(([operator, keys]) =>
    Object.entries(keys).map(
      ([key, wanted]) =>
        `${operator} ${key} = ${words(wanted)
          .map((word) => names.readable(word))
          .join(' or ')}`,
    ),
  );
}

import type { Found } from './finding';
import type { Names } from './names';
import type { PlannedResource } from './planned';
import { type Statement, statementsOf } from './policies';

/** Findings about statements that allow too much, if the resource has a policy. */
export function policyFindings(resource: PlannedResource, names: Names): Found[] {
  const found = (rule: string, text: string): Found => ({ rule, address: resource.address, text });
  if (resource.type === 'aws_iam_role_policy_attachment') {
    const policy = resource.text('policy_arn') ?? '';
    return /\/(AdministratorAccess|PowerUserAccess|\w+FullAccess)$/.test(policy)
      ? [found('wildcard', `attaches ${policy}: allow only the needed actions instead`)]
      : [];
  }
  return statementsOf(resource, names)
    .filter(({ effect }) => effect === 'Allow')
    .flatMap((statement) => [
      ...wildcardTexts(statement).map((text) => found('wildcard', `${statement.sid} ${text}`)),
      ...publicAccessTexts(resource, statement).map((text) =>
        found('public-access', `${statement.sid} ${text}`),
      ),
    ]);
}

function wildcardTexts(statement: Statement): string[] {
  const texts: string[] = [];
  const actions = statement.actions.filter((action) => /^(\*|[a-z0-9-]+:\*)$/i.test(action));
  if (actions.length > 0) texts.push(`allows ${actions.join(', ')}: name the actions`);
  const allBut = [...statement.actions, ...statement.resources].filter((text) => text.startsWith('all but '));
  if (allBut.length > 0) texts.push(`allows ${allBut.join(', ')}: name the allowed ones instead`);
  // In the policy of a key or of a bucket, `*` is that resource. A condition is taken as a deliberate limit.
  const isOnAll = statement.resources.includes('*') && statement.principals.length === 0;
  const narrowable = statement.actions.filter((action) => !supportsNoResources(action));
  if (isOnAll && narrowable.length > 0 && statement.conditions.length === 0) {
    texts.push(`allows ${narrowable.join(', ')} on every resource: name the resources`);
  }
  return texts;
}

function publicAccessTexts({ type }: PlannedResource, { principals, conditions }: Statement): string[] {
  const isPublic = principals.some((principal) => principal === '*' || principal.startsWith('all but '));
  if (isPublic && conditions.length === 0)
    return ['allows everybody: name the principals, or add a condition'];
  const service = principals.find((principal) => principal.endsWith('.amazonaws.com'));
  if (type === 'aws_lambda_permission' && service !== undefined && conditions.length === 0) {
    return [`lets ${service} call for every account: set source_arn`];
  }
  return [];
}

/**
 * Whether an action does not support resource-level permissions, or the Systems Manager agent needs it on resources whose
 * ARNs are unknown.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
 */
function supportsNoResources(action: string): boolean {
  return NO_RESOURCES.some((pattern) => pattern.test(action));
}

const NO_RESOURCES = [
  /^ec2:Describe/,
  /^(ssmmessages|ec2messages):/,
  /^ssm:(DescribeInstanceInformation|ListCommands|ListCommandInvocations)$/,
  /^ssm:(DescribeAssociation|DescribeDocument|GetDeployablePatchSnapshotForInstance|GetDocument|GetManifest)$/,
  /^ssm:(ListAssociations|ListInstanceAssociations|PutComplianceItems|PutConfigurePackageResult|PutInventory)$/,
  /^ssm:(UpdateAssociationStatus|UpdateInstanceAssociationStatus|UpdateInstanceInformation)$/,
  /^cloudwatch:(PutMetricData|GetMetricData|ListMetrics|DescribeAlarms)$/,
  /^(sts:GetCallerIdentity|s3:ListAllMyBuckets|logs:DescribeLogGroups|pricing:GetProducts)$/,
  /^xray:Put(TraceSegments|TelemetryRecords)$/,
  /^ecr:GetAuthorizationToken$/,
];

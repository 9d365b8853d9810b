import {
  anonymousPrincipal,
  getDenialReasons,
  getGrantReasons,
  isWildcardOnlyAction,
  runSimulation,
} from '@cloud-copilot/iam-simulate';
import type { Ask, Context } from './permission';
import { ACCOUNT_ID } from '../wire/arn';

/** A policy document with the name that it has where it is attached. */
export interface NamedPolicy {
  readonly name: string;
  readonly policy: unknown;
}

export interface Question extends Ask {
  /** An assumed role's ARN, a service (`s3.amazonaws.com`), or nobody. */
  readonly principal: string | undefined;
  readonly identityPolicies: readonly NamedPolicy[];
  readonly boundary?: NamedPolicy | undefined;
  /** The policy on the resource: a bucket's, a function's, a role's trust. */
  readonly resourcePolicy?: unknown;
}

/** A statement of one of the role's own policies. */
export interface Grant {
  readonly policy: string;
  readonly statement: string;
}

export type Decision =
  | { readonly allowed: true; readonly grants: readonly Grant[] }
  | { readonly allowed: false; readonly because: string };

/** What IAM would decide. This is the only file that asks the simulator library. */
export async function decide(question: Question): Promise<Decision> {
  const { action, principal, identityPolicies, boundary, resourcePolicy } = question;
  const [service = '', operation = ''] = action.split(':');
  const resources = await resourcesOf(service, operation);
  const unnamed = resources === 'some' && question.resource === '*';
  if (resources === 'unknown' || unnamed) return decideForAnyResource(question);
  const resource = resources === 'none' ? '*' : plain(question.resource);
  const answer = await runSimulation(
    {
      request: {
        principal: principal ?? anonymousPrincipal,
        action,
        resource: { resource, accountId: ACCOUNT_ID },
        contextVariables: contextOf(question.context),
      },
      identityPolicies: identityPolicies.map(({ name, policy }) => ({ name, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      ...(boundary === undefined ? {} : { permissionBoundaryPolicies: [boundary] }),
      ...(resourcePolicy === undefined ? {} : { resourcePolicy }),
    },
    {},
  );
  if (answer.resultType === 'error') {
    const { message, ...details } = answer.errors;
    return {
      allowed: false,
      because: `the local cloud cannot judge it (${message} ${JSON.stringify(details)})`,
    };
  }
  const analyses =
    answer.resultType === 'single' ? [answer.result.analysis] : answer.results.map((each) => each.analysis);
  if (answer.overallResult === 'Allowed') {
    const grants = analyses.flatMap(getGrantReasons).flatMap((grant): Grant[] => {
      if (grant.policyType !== 'identity') return [];
      return [{ policy: grant.policyIdentifier, statement: grant.statementId ?? `#${grant.statementIndex}` }];
    });
    return { allowed: true, grants };
  }
  const explicit = analyses.flatMap(getDenialReasons).find((reason) => reason.denialType === 'Explicit');
  if (explicit) {
    return {
      allowed: false,
      because: `with an explicit deny in ${POLICY_KINDS[explicit.policyType] ?? 'a policy'}`,
    };
  }
  const byBoundary = analyses.some(({ blockedBy }) => blockedBy?.includes('pb') ?? false);
  const kind = byBoundary
    ? 'permissions boundary'
    : principal === undefined
      ? 'resource-based policy'
      : 'identity-based policy';
  return { allowed: false, because: `because no ${kind} allows the ${action} action` };
}

/** Where the local cloud cannot name the action or its resource (a deployment makes many such calls) only administrators may. */
function decideForAnyResource({ identityPolicies, boundary }: Question): Decision {
  const all = identityPolicies.flatMap(({ policy }) => statementsOf(policy));
  const grants = identityPolicies.flatMap(({ name, policy }) =>
    statementsOf(policy).flatMap((statement, index): Grant[] =>
      allowsEverything(statement) ? [{ policy: name, statement: statement.Sid ?? `#${index}` }] : [],
    ),
  );
  const bounded = boundary !== undefined && !statementsOf(boundary.policy).some(allowsEverything);
  const denies = all.some(({ Effect }) => Effect === 'Deny');
  if (grants.length > 0 && !bounded && !denies) return { allowed: true, grants };
  return {
    allowed: false,
    because: 'because the local cloud knows no resource of it: only who may do everything may it',
  };
}

interface Statement {
  readonly Sid?: string;
  readonly Effect?: string;
  readonly Action?: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Condition?: unknown;
}

function statementsOf(policy: unknown): readonly Statement[] {
  const { Statement = [] } = policy as { Statement?: Statement | readonly Statement[] };
  return [Statement].flat();
}

function allowsEverything({ Effect, Action, Resource, Condition }: Statement): boolean {
  const isAll = (value: Statement['Action']) => [value].flat().includes('*');
  return Effect === 'Allow' && Condition === undefined && isAll(Action) && isAll(Resource);
}

/** As IAM's messages name them. */
const POLICY_KINDS: Readonly<Record<string, string>> = {
  identity: 'an identity-based policy',
  resource: 'a resource-based policy',
  pb: 'a permissions boundary',
};

/** Whether an action is about resources. `unknown`: the local cloud has no name for the action. */
async function resourcesOf(service: string, operation: string): Promise<'none' | 'some' | 'unknown'> {
  try {
    return (await isWildcardOnlyAction(service, operation)) ? 'none' : 'some';
  } catch {
    return 'unknown';
  }
}

function contextOf(context: Context): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(context).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.map(oneLine) : oneLine(value),
    ]),
  );
}

/**
 * The library takes an asterisk in a request's resource for a pattern, and its own asterisks do not match line breaks; to
 * IAM both are characters like any other. No policy of ours names one, so another such character stands in for them.
 */
function plain(resource: string): string {
  return oneLine(resource).replaceAll('*', STAND_IN);
}

function oneLine(text: string): string {
  return text.replaceAll(/[\n\r\u2028\u2029]/g, STAND_IN);
}

const STAND_IN = '\ufffd';

import {
  anonymousPrincipal,
  getDenialReasons,
  getGrantReasons,
  isWildcardOnlyAction,
  runSimulation,
} from '@cloud-copilot/iam-simulate';
import type { Permission, Context } from './permission';
import { ACCOUNT_ID } from '../wire/arn';

/** A policy document, with the name of its attachment. */
export interface NamedPolicy {
  readonly name: string;
  readonly policy: unknown;
}

export interface DecisionInput extends Permission {
  /** An assumed role's ARN, or a service (`s3.amazonaws.com`). Undefined for an anonymous caller. */
  readonly principal: string | undefined;
  readonly identityPolicies: readonly NamedPolicy[];
  readonly boundary?: NamedPolicy | undefined;
  /** The resource's policy: a bucket's, a function's, or a role's trust policy. */
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

/** IAM's decision. This is the only file that calls the simulator library. */
export async function decide(input: DecisionInput): Promise<Decision> {
  const { action, principal, identityPolicies, boundary, resourcePolicy } = input;
  const [service = '', operation = ''] = action.split(':');
  const resources = await resourcesOf(service, operation);
  const unnamed = resources === 'some' && input.resource === '*';
  if (resources === 'unknown' || unnamed) return decideForAnyResource(input);
  const resource = resources === 'none' ? '*' : plain(input.resource);
  const answer = await runSimulation(
    {
      request: {
        principal: principal ?? anonymousPrincipal,
        action,
        resource: { resource, accountId: ACCOUNT_ID },
        contextVariables: contextOf(input.context),
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
    return denied(`the local cloud cannot decide (${message} ${JSON.stringify(details)})`);
  }
  const results = answer.resultType === 'single' ? [answer.result] : answer.results;
  const analyses = results.map(({ analysis }) => analysis);
  if (answer.overallResult === 'Allowed') {
    const grants = analyses.flatMap(getGrantReasons).flatMap((grant): Grant[] => {
      if (grant.policyType !== 'identity') return [];
      return [{ policy: grant.policyIdentifier, statement: grant.statementId ?? `#${grant.statementIndex}` }];
    });
    return { allowed: true, grants };
  }
  const explicit = analyses.flatMap(getDenialReasons).find((reason) => reason.denialType === 'Explicit');
  if (explicit) return denied(`with an explicit deny in ${POLICY_KINDS[explicit.policyType] ?? 'a policy'}`);
  const byBoundary = analyses.some(({ blockedBy }) => blockedBy?.includes('pb') ?? false);
  const policy = principal === undefined ? 'resource-based policy' : 'identity-based policy';
  return denied(`because no ${byBoundary ? 'permissions boundary' : policy} allows the ${action} action`);
}

function denied(because: string): Decision {
  return { allowed: false, because };
}

/** The decision if the local cloud cannot name the action or its resource, as in many calls of a deployment: administrators only. */
function decideForAnyResource({ identityPolicies, boundary }: DecisionInput): Decision {
  const all = identityPolicies.flatMap(({ policy }) => statementsOf(policy));
  const grants = identityPolicies.flatMap(({ name, policy }) =>
    statementsOf(policy).flatMap((statement, index): Grant[] =>
      allowsEverything(statement) ? [{ policy: name, statement: statement.Sid ?? `#${index}` }] : [],
    ),
  );
  const bounded = boundary !== undefined && !statementsOf(boundary.policy).some(allowsEverything);
  const denies = all.some(({ Effect }) => Effect === 'Deny');
  if (grants.length > 0 && !bounded && !denies) return { allowed: true, grants };
  return denied('because the local cloud cannot name its resource: only an administrator may do it');
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

/** The names in IAM's messages. */
const POLICY_KINDS: Readonly<Record<string, string>> = {
  identity: 'an identity-based policy',
  resource: 'a resource-based policy',
  pb: 'a permissions boundary',
};

/** Whether an action supports resource-level permissions. `unknown`: the library does not know the action. */
async function resourcesOf(service: string, operation: string): Promise<'none' | 'some' | 'unknown'> {
  try {
    return (await isWildcardOnlyAction(service, operation)) ? 'none' : 'some';
  } catch {
    return 'unknown';
  }
}

function contextOf(context: Context): Record<string, string | string[]> {
  const plainly = (value: string | string[]) => (Array.isArray(value) ? value.map(oneLine) : oneLine(value));
  return Object.fromEntries(Object.entries(context).map(([key, value]) => [key, plainly(value)]));
}

/**
 * The library reads an asterisk in a request's resource as a pattern, and its own asterisks do not match line breaks. For
 * IAM both are ordinary characters. No policy of ours names one, so `PLACEHOLDER` replaces them.
 */
function plain(resource: string): string {
  return oneLine(resource).replaceAll('*', PLACEHOLDER);
}

function oneLine(text: string): string {
  return text.replaceAll(/[\n\r\u2028\u2029]/g, PLACEHOLDER);
}

const PLACEHOLDER = '\ufffd';

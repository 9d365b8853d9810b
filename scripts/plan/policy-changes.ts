import { isDeepStrictEqual } from 'node:util';
import type { Names } from './names';
import type { PlannedResource } from './planned';
import { type Statement, statementsOf } from './policies';

/** One statement that is added, removed or changed. */
export interface StatementChange {
  readonly kind: 'added' | 'removed' | 'changed';
  /** The statement after the apply. Of a removed one, the statement before. */
  readonly statement: Statement;
  /** The parts that a changed statement gets: `on aws_s3_bucket.data/*`. */
  readonly gains: readonly string[];
  /** The parts that a changed statement loses. */
  readonly loses: readonly string[];
}

/** The changed statements of one resource's policy. */
export interface PolicyChange {
  readonly address: string;
  readonly type: string;
  /** The name of the role, bucket or other resource that has the policy, or a reference to it. */
  readonly subject: string | undefined;
  readonly statements: readonly StatementChange[];
}

/** All changes of permissions: policies of roles, buckets, keys and queues, and permissions of functions. */
export function policyChanges(
  before: readonly PlannedResource[],
  after: readonly PlannedResource[],
  names: Names,
): PolicyChange[] {
  const earlierResources = new Map(before.map((resource) => [resource.address, resource]));
  const destroyed = before.filter(({ address }) => !after.some((resource) => resource.address === address));
  const statements = (resource?: PlannedResource) => (resource ? statementsOf(resource, names) : []);
  const policyChange = (resource: PlannedResource, from?: PlannedResource, to?: PlannedResource) => ({
    address: resource.address,
    type: resource.type,
    subject: subjectOf(resource, names),
    statements: statementChanges(statements(from), statements(to)),
  });
  return [
    ...after.map((resource) => policyChange(resource, earlierResources.get(resource.address), resource)),
    ...destroyed.map((resource) => policyChange(resource, resource, undefined)),
  ].filter((change) => change.statements.length > 0);
}

function subjectOf(resource: PlannedResource, names: Names): string | undefined {
  const text = ['role', 'bucket', 'name', 'function_name', 'queue_url', 'key_id']
    .map((argument) => resource.text(argument))
    .find((value) => value !== undefined);
  return text === undefined ? undefined : names.readable(text);
}

function statementChanges(before: readonly Statement[], after: readonly Statement[]): StatementChange[] {
  const earlierStatements = bySid(before);
  const laterStatements = bySid(after);
  const changes: StatementChange[] = [];
  for (const [sid, statement] of laterStatements) {
    const earlier = earlierStatements.get(sid);
    if (!earlier) changes.push({ kind: 'added', statement, gains: [], loses: [] });
    else {
      const [earlierParts, parts] = [partsOf(earlier), partsOf(statement)];
      if (isDeepStrictEqual(earlierParts, parts)) continue;
      const gains = [...parts].filter((part) => !earlierParts.has(part));
      const loses = [...earlierParts].filter((part) => !parts.has(part));
      changes.push({ kind: 'changed', statement, gains, loses });
    }
  }
  for (const [sid, statement] of earlierStatements) {
    if (!laterStatements.has(sid)) changes.push({ kind: 'removed', statement, gains: [], loses: [] });
  }
  return changes;
}

/** Some AWS services accept two statements of the same name in one policy. The second gets a number. */
function bySid(statements: readonly Statement[]): Map<string, Statement> {
  const found = new Map<string, Statement>();
  for (const statement of statements) {
    let sid = statement.sid;
    for (let count = 2; found.has(sid); count += 1) sid = `${statement.sid} ${count}`;
    found.set(sid, statement);
  }
  return found;
}

function partsOf(statement: Statement): Set<string> {
  return new Set([
    `effect ${statement.effect}`,
    ...statement.principals.map((principal) => `by ${principal}`),
    ...statement.actions.map((action) => `action ${action}`),
    ...statement.resources.map((resource) => `on ${resource}`),
    ...statement.conditions.map((condition) => `only if ${condition}`),
  ]);
}

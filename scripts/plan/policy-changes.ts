import { isDeepStrictEqual } from 'node:util';
import type { Names } from './names';
import type { PlannedResource } from './planned';
import { type Statement, statementsOf } from './policies';

/** One statement that comes, goes or becomes another. */
export interface StatementChange {
  readonly kind: 'added' | 'removed' | 'changed';
  /** As it will be; of a removed one, as it was. */
  readonly statement: Statement;
  /** Of a changed one: `resource aws_s3_bucket.data/*`. */
  readonly gains: readonly string[];
  readonly loses: readonly string[];
}

/** What becomes of the policy that one resource is. */
export interface PolicyChange {
  readonly address: string;
  readonly type: string;
  /** Whom or what it is about: a role's or a bucket's name or reference. */
  readonly subject: string | undefined;
  readonly statements: readonly StatementChange[];
}

/** What changes in who may do what: policies of roles, buckets, keys, queues, and permissions of functions. */
export function policyChanges(
  before: readonly PlannedResource[],
  after: readonly PlannedResource[],
  names: Names,
): PolicyChange[] {
  const old = new Map(before.map((resource) => [resource.address, resource]));
  const gone = before.filter(({ address }) => !after.some((resource) => resource.address === address));
  const one = (resource: PlannedResource, from: Statement[], to: Statement[]): PolicyChange => ({
    address: resource.address,
    type: resource.type,
    subject: subjectOf(resource, names),
    statements: statementChanges(from, to),
  });
  return [
    ...after.map((resource) => {
      const earlier = old.get(resource.address);
      return one(resource, earlier ? statementsOf(earlier, names) : [], statementsOf(resource, names));
    }),
    ...gone.map((resource) => one(resource, statementsOf(resource, names), [])),
  ].filter(({ statements }) => statements.length > 0);
}

function subjectOf(resource: PlannedResource, names: Names): string | undefined {
  const text = ['role', 'bucket', 'name', 'function_name', 'queue_url', 'key_id']
    .map((argument) => resource.text(argument))
    .find((value) => value !== undefined);
  return text === undefined ? undefined : names.readable(text);
}

function statementChanges(before: readonly Statement[], after: readonly Statement[]): StatementChange[] {
  const [old, now] = [bySid(before), bySid(after)];
  const changes: StatementChange[] = [];
  for (const [sid, statement] of now) {
    const earlier = old.get(sid);
    if (!earlier) changes.push({ kind: 'added', statement, gains: [], loses: [] });
    else if (!isDeepStrictEqual(partsOf(earlier), partsOf(statement))) {
      const [was, is] = [partsOf(earlier), partsOf(statement)];
      const gains = [...is].filter((part) => !was.has(part));
      const loses = [...was].filter((part) => !is.has(part));
      changes.push({ kind: 'changed', statement, gains, loses });
    }
  }
  for (const [sid, statement] of old) {
    if (!now.has(sid)) changes.push({ kind: 'removed', statement, gains: [], loses: [] });
  }
  return changes;
}

/** Two statements of one policy may have one name, as far as AWS is concerned in some services. */
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
    ...statement.principals.map((who) => `by ${who}`),
    ...statement.actions.map((action) => `action ${action}`),
    ...statement.resources.map((resource) => `on ${resource}`),
    ...statement.conditions.map((condition) => `only if ${condition}`),
  ]);
}

import { AwsError } from '../wire/answer';
import { type IncomingCall, formOf, operationOf } from '../wire/call';
import type { Caller, RoleSession } from '../wire/caller';
import { permissionsFor } from './needed-permissions';
import type { Permission, Context } from './permission';
import type { AttachedPolicies, RolePolicies } from './policies';
import type { Decisions } from './record';
import { listPermission } from './s3-permissions';
import { type Decision, decide } from './simulation';
import { ACCOUNT_ID, instanceArn } from '../wire/arn';
import type { Report } from '../clockwork/events';
import { s3OperationOf } from '../wire/s3-operation';

/**
 * Authorizes every request before any service sees it. A role's request is checked against the role's own policies and the
 * resource's policy, an anonymous request against the resource's policy only. The operator is the account's administrator.
 */
export class Authorizer {
  constructor(
    private readonly options: {
      readonly policies: AttachedPolicies;
      /** A bucket's policy, parsed; undefined if it has none. */
      readonly bucketPolicyOf: (bucket: string) => unknown;
      /** The instance's tags as they are now; none if it does not exist. */
      readonly instanceTags: (instanceId: string) => Promise<Readonly<Record<string, string>>>;
      readonly decisions: Decisions;
      readonly report: Report;
      readonly region: string;
    },
  ) {}

  /** Throws AwsError, in the service's own words, when the call is denied. */
  async authorize(call: IncomingCall): Promise<void> {
    if (call.caller.kind === 'operator') {
      const actions = new Set(permissionsFor(call).map(({ action }) => action));
      for (const action of actions) this.options.decisions.operator(action);
      return;
    }
    for (const permission of permissionsFor(call)) await this.require(call, permission);
  }

  /** Throws AwsError (403) for a missing key if the caller lacks `s3:ListBucket`. With it, S3 answers 404. */
  async authorizeMiss(call: IncomingCall): Promise<void> {
    if (call.caller.kind === 'operator') return;
    await this.require(call, listPermission(s3OperationOf(call).bucket), permissionsFor(call)[0]);
  }

  /** Called before and after each call, which may change roles or policies. */
  changes(call: IncomingCall): void {
    if (call.service !== 'iam' || !call.body) return;
    const read = { ...call, body: call.body };
    const operation = operationOf(read);
    if (operation === undefined || /^(Get|List)/.test(operation)) return;
    this.options.policies.forget();
    this.options.decisions.roleChanges(operation, formOf(read).get('RoleName') ?? '');
  }

  /** Whether a role may do what a service is about to do in the role's name. Reports a denial. */
  async permits(session: RoleSession, needed: Omit<Permission, 'context'>): Promise<boolean> {
    const permission = { ...needed, context: {} };
    const decision = await this.decide(session, permission);
    if (decision.allowed) return true;
    this.reportDenial(session, permission, messageOf(session, permission, decision.because));
    return false;
  }

  private async require(call: IncomingCall, permission: Permission, reported = permission): Promise<void> {
    const { caller } = call;
    const decision = await this.decide(caller, permission);
    if (decision.allowed) return;
    const message = messageOf(caller, reported, decision.because);
    this.reportDenial(caller, reported, message);
    throw denial(call.service, message);
  }

  private async decide(caller: Caller, permission: Permission): Promise<Decision> {
    const begin = performance.now();
    const { policies, decisions, region } = this.options;
    const session = caller.kind === 'role' ? caller : undefined;
    const role = session && (await policies.of(session.roleArn).catch(withoutRole));
    const context: Context = {
      ...permission.context,
      ...(permission.instanceId === undefined ? {} : await this.tagsOf(permission.instanceId)),
      // The local cloud uses HTTP on loopback. Policies see it as TLS, because a pipeline that refuses clear text must run
      // here unchanged.
      'aws:SecureTransport': 'true',
      'aws:RequestedRegion': region,
      'aws:CurrentTime': new Date().toISOString(),
      'aws:SourceIp': '127.0.0.1',
      'aws:ResourceAccount': ACCOUNT_ID,
      ...(session && role ? principalContext(session, role.tags, region) : {}),
    };
    const decision = await decide({
      ...permission,
      context,
      principal: session && principalOf(session),
      identityPolicies: role?.identity ?? [],
      boundary: role?.boundary,
      resourcePolicy: await this.policyOn(permission),
    });
    decisions.took(performance.now() - begin);
    if (session && decision.allowed && session.assumedBy === 'service') {
      for (const grant of decision.grants) decisions.used(roleNameOf(session), permission.action, grant);
    }
    return decision;
  }

  private async policyOn({ action, resource }: Permission): Promise<unknown> {
    if (action.startsWith('s3:')) {
      const bucket = /^arn:aws:s3:::([^/]+)/.exec(resource)?.[1];
      return bucket === undefined ? undefined : this.options.bucketPolicyOf(bucket);
    }
    if (action !== 'sts:AssumeRole') return undefined;
    return this.options.policies.of(resource).then(
      ({ trust }) => trust,
      () => undefined,
    );
  }

  /** Tags change at run time, and conditions use them: each decision reads them again. */
  private async tagsOf(instanceId: string): Promise<Context> {
    return Object.fromEntries(
      Object.entries(await this.options.instanceTags(instanceId)).flatMap(([key, value]) =>
        ['aws:ResourceTag', 'ec2:ResourceTag', 'ssm:resourceTag'].map((name) => [`${name}/${key}`, value]),
      ),
    );
  }

  private reportDenial(caller: Caller, { action, resource }: Permission, message: string): void {
    const role = caller.kind === 'role' ? roleNameOf(caller) : caller.kind;
    const byHand = caller.kind !== 'role' || caller.assumedBy === 'caller';
    this.options.decisions.denied({ role, action, resource, message, byHand });
    this.options.report({ kind: 'denied', role, action, resource, text: message });
  }
}

/** A deleted role may do nothing, though its credentials still exist. */
function withoutRole(error: unknown): RolePolicies {
  if (!(error instanceof AwsError) || error.status !== 404) throw error;
  return { identity: [], boundary: undefined, trust: undefined, tags: {} };
}

function principalContext(
  { roleArn, sessionName }: RoleSession,
  tags: Readonly<Record<string, string>>,
  region: string,
): Context {
  return {
    'aws:PrincipalArn': roleArn,
    'aws:PrincipalAccount': ACCOUNT_ID,
    'aws:PrincipalType': 'AssumedRole',
    // An instance's credentials name the instance.
    ...(sessionName.startsWith('i-') && { 'ec2:SourceInstanceARN': instanceArn(region, sessionName) }),
    ...Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:PrincipalTag/${key}`, value])),
  };
}

function roleNameOf({ roleArn }: RoleSession): string {
  return roleArn.split('/').at(-1) ?? roleArn;
}

function principalOf(session: RoleSession): string {
  return `arn:aws:sts::${ACCOUNT_ID}:assumed-role/${roleNameOf(session)}/${session.sessionName}`;
}

/** IAM's own message. */
function messageOf(caller: Caller, { action, resource }: Permission, because: string): string {
  const user = caller.kind === 'role' ? principalOf(caller) : 'anonymous';
  return `User: ${user} is not authorized to perform: ${action} on resource: ${resource} ${because}`;
}

function denial(service: string, message: string): AwsError {
  if (service === 'ec2') {
    const text = `You are not authorized to perform this operation. ${message}`;
    return new AwsError(403, 'UnauthorizedOperation', text);
  }
  if (['s3', 'iam', 'sts'].includes(service)) return new AwsError(403, 'AccessDenied', message);
  return new AwsError(service === 'lambda' ? 403 : 400, 'AccessDeniedException', message);
}

import { AwsError } from '../wire/answer';
import { type IncomingCall, formOf, operationOf } from '../wire/call';
import type { Caller, RoleSession } from '../wire/caller';
import { asksOf } from './ask';
import type { Ask, Context } from './permission';
import type { AttachedPolicies, RolePolicies } from './policies';
import type { Decisions } from './record';
import { missAsk } from './s3-asks';
import { type Decision, decide } from './simulation';
import { ACCOUNT_ID, instanceArn } from '../wire/arn';
import type { Report } from '../clockwork/events';
import { s3OperationOf } from '../wire/s3-operation';

/**
 * Whether a caller may make a call. Every request passes here before anything else looks at it: a role's by its policies and
 * the policies of what it touches, nobody's by the latter alone. The operator is the account's administrator.
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

  /** Throws AwsError, as the service would say it, when the call is denied. */
  async authorize(call: IncomingCall): Promise<void> {
    if (call.caller.kind === 'operator') {
      for (const action of new Set(asksOf(call).map((ask) => ask.action)))
        this.options.decisions.operator(action);
      return;
    }
    for (const ask of asksOf(call)) await this.require(call, ask);
  }

  /** Whoever may not list a bucket does not learn either what is not in it. */
  async authorizeMiss(call: IncomingCall): Promise<void> {
    if (call.caller.kind === 'operator') return;
    await this.require(call, missAsk(s3OperationOf(call).bucket), asksOf(call)[0]);
  }

  /** Before and after a call that may change roles or policies. */
  changes(call: IncomingCall): void {
    if (call.service !== 'iam' || !call.body) return;
    const read = { ...call, body: call.body };
    const operation = operationOf(read);
    if (operation === undefined || /^(Get|List)/.test(operation)) return;
    this.options.policies.forget();
    this.options.decisions.roleChanges(operation, formOf(read).get('RoleName') ?? '');
  }

  /** Whether a role may do what a service is about to do in its name. Tells if not. */
  async permits(session: RoleSession, call: Omit<Ask, 'context'>): Promise<boolean> {
    const ask = { ...call, context: {} };
    const decision = await this.decide(session, ask);
    if (!decision.allowed) this.tellDenied(session, ask, messageOf(session, ask, decision.because));
    return decision.allowed;
  }

  private async require(call: IncomingCall, ask: Ask, asked: Ask = ask): Promise<void> {
    const { caller } = call;
    const decision = await this.decide(caller, ask);
    if (decision.allowed) return;
    const message = messageOf(caller, asked, decision.because);
    this.tellDenied(caller, asked, message);
    throw denial(call.service, message);
  }

  private async decide(caller: Caller, ask: Ask): Promise<Decision> {
    const begin = performance.now();
    const { policies, decisions, region } = this.options;
    const session = caller.kind === 'role' ? caller : undefined;
    const role = session && (await policies.of(session.roleArn).catch(withoutRole));
    const context: Context = {
      ...ask.context,
      ...(ask.instanceId === undefined ? {} : await this.tagsOf(ask.instanceId)),
      // The local cloud speaks HTTP, on loopback, where nobody can listen. For policies that is as good as TLS: a pipeline
      // that refuses clear text must run here as it is.
      'aws:SecureTransport': 'true',
      'aws:RequestedRegion': region,
      'aws:CurrentTime': new Date().toISOString(),
      'aws:SourceIp': '127.0.0.1',
      'aws:ResourceAccount': ACCOUNT_ID,
      ...(session && role ? principalContext(session, role.tags, region) : {}),
    };
    const decision = await decide({
      ...ask,
      context,
      principal: session && principalOf(session),
      identityPolicies: role?.identity ?? [],
      boundary: role?.boundary,
      resourcePolicy: await this.policyOn(ask),
    });
    decisions.took(performance.now() - begin);
    if (session && decision.allowed && session.assumedBy === 'service') {
      for (const grant of decision.grants) decisions.used(roleNameOf(session), ask.action, grant);
    }
    return decision;
  }

  private async policyOn({ action, resource }: Ask): Promise<unknown> {
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

  /** Tags change at run time, and conditions rest on them: they are read each time. */
  private async tagsOf(instanceId: string): Promise<Context> {
    return Object.fromEntries(
      Object.entries(await this.options.instanceTags(instanceId)).flatMap(([key, value]) =>
        ['aws:ResourceTag', 'ec2:ResourceTag', 'ssm:resourceTag'].map((name) => [`${name}/${key}`, value]),
      ),
    );
  }

  private tellDenied(caller: Caller, { action, resource }: Ask, message: string): void {
    const role = caller.kind === 'role' ? roleNameOf(caller) : caller.kind;
    const byHand = caller.kind !== 'role' || caller.assumedBy === 'caller';
    this.options.decisions.denied({ role, action, resource, message, byHand });
    this.options.report({ kind: 'denied', role, action, resource, text: message });
  }
}

/** A role that has been deleted may do nothing, though its credentials are still about. */
function withoutRole(error: unknown): RolePolicies {
  if (error instanceof AwsError && error.status === 404) return NOTHING;
  throw error;
}

const NOTHING: RolePolicies = { identity: [], boundary: undefined, trust: undefined, tags: {} };

function principalContext(
  session: RoleSession,
  tags: Readonly<Record<string, string>>,
  region: string,
): Context {
  return {
    'aws:PrincipalArn': session.roleArn,
    'aws:PrincipalAccount': ACCOUNT_ID,
    'aws:PrincipalType': 'AssumedRole',
    // The credentials of an instance say which one it is.
    ...(session.sessionName.startsWith('i-')
      ? { 'ec2:SourceInstanceARN': instanceArn(region, session.sessionName) }
      : {}),
    ...Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:PrincipalTag/${key}`, value])),
  };
}

function roleNameOf({ roleArn }: RoleSession): string {
  return roleArn.split('/').at(-1) ?? roleArn;
}

function principalOf(session: RoleSession): string {
  return `arn:aws:sts::${ACCOUNT_ID}:assumed-role/${roleNameOf(session)}/${session.sessionName}`;
}

/** In IAM's own words. */
function messageOf(caller: Caller, { action, resource }: Ask, because: string): string {
  const user = caller.kind === 'role' ? principalOf(caller) : 'anonymous';
  return `User: ${user} is not authorized to perform: ${action} on resource: ${resource} ${because}`;
}

function denial(service: string, message: string): AwsError {
  switch (service) {
    case 'ec2':
      return new AwsError(
        403,
        'UnauthorizedOperation',
        `You are not authorized to perform this operation. ${message}`,
      );
    case 's3':
    case 'iam':
    case 'sts':
      return new AwsError(403, 'AccessDenied', message);
    case 'lambda':
      return new AwsError(403, 'AccessDeniedException', message);
    default:
      return new AwsError(400, 'AccessDeniedException', message);
  }
}

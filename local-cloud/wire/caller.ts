import type { IncomingHttpHeaders } from 'node:http';

/** The sender of a request. */
export type Caller =
  /** The person at the keyboard: Terraform, the command line, the aws CLI. */
  | { readonly kind: 'operator' }
  /** A function or the instance, with its role's credentials. */
  | {
      readonly kind: 'role';
      readonly roleArn: string;
      readonly sessionName: string;
      /** `service`: Lambda or EC2, for a function or the instance. `caller`: a caller of STS. */
      readonly assumedBy: 'service' | 'caller';
    }
  | { readonly kind: 'anonymous' };

/** A caller with temporary credentials of a role. */
export type RoleSession = Extract<Caller, { kind: 'role' }>;

/** The session of a role that a service assumed for a function or the instance. */
export function serviceSession(roleArn: string, sessionName: string): RoleSession {
  return { kind: 'role', roleArn, sessionName, assumedBy: 'service' };
}

/** A role session's credentials, as environment variables. */
export interface RoleCredentials {
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
  readonly AWS_SESSION_TOKEN: string;
}

/** Makes a role session for a service, and returns its credentials. */
export type AssumeRole = (roleArn: string, sessionName: string) => Promise<RoleCredentials>;

/**
 * Whether a role session has a permission that a service needs in the role's name. A denial is reported. With an
 * `instanceId`, conditions see that instance's tags.
 */
export type Permits = (
  session: RoleSession,
  needed: { readonly action: string; readonly resource: string; readonly instanceId?: string },
) => Promise<boolean>;

/** The signature's facts about a request. The signature is not verified, because this cloud is on loopback. */
export interface CredentialScope {
  readonly accessKeyId: string;
  readonly region: string;
  /** The service's name in the signature: `s3`, `ec2`, `events`, … */
  readonly service: string;
}

/** The credential scope of a version 4 signature. The signature is in the header or, for a presigned URL, in the query. */
export function credentialScopeOf(
  headers: IncomingHttpHeaders,
  query: URLSearchParams,
): CredentialScope | undefined {
  const credential =
    /Credential=([^,\s]+)/.exec(headers.authorization ?? '')?.[1] ?? query.get('X-Amz-Credential');
  // The access key is first and holds no slash. The scope is date/region/service/aws4_request.
  const [accessKeyId, , region, service] = credential?.split('/') ?? [];
  if (accessKeyId === undefined || region === undefined || service === undefined) return undefined;
  return { accessKeyId, region, service: service.toLowerCase() };
}

/** The role session of each access key. */
export class Callers {
  private readonly sessions = new Map<string, Caller>();

  remember(accessKeyId: string, session: Omit<RoleSession, 'kind'>): void {
    this.sessions.set(accessKeyId, { kind: 'role', ...session });
  }

  /** The operator, for an access key without a role session. */
  of(scope: CredentialScope | undefined): Caller {
    if (!scope) return { kind: 'anonymous' };
    return this.sessions.get(scope.accessKeyId) ?? { kind: 'operator' };
  }
}

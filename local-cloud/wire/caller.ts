import type { IncomingHttpHeaders } from 'node:http';

/** Who sends a request. */
export type Caller =
  /** The person at the keyboard: Terraform, the command line, the aws CLI. */
  | { readonly kind: 'operator' }
  /** A function or the instance, with credentials of its role. */
  | {
      readonly kind: 'role';
      readonly roleArn: string;
      readonly sessionName: string;
      /** A service, for a function or the instance; or a caller of STS. */
      readonly assumedBy: 'service' | 'caller';
    }
  | { readonly kind: 'anonymous' };

/** A caller with temporary credentials of a role. */
export type RoleSession = Extract<Caller, { kind: 'role' }>;

/** A role session's credentials, as environment variables. */
export interface RoleCredentials {
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
  readonly AWS_SESSION_TOKEN: string;
}

/** Makes a role session for a service, and returns its credentials. */
export type AssumeRole = (roleArn: string, sessionName: string) => Promise<RoleCredentials>;

/**
 * Whether a role session may do what a service is about to do in its name. A refusal is reported. With an `instanceId`,
 * conditions see that instance's tags.
 */
export type Permits = (
  session: RoleSession,
  call: { readonly action: string; readonly resource: string; readonly instanceId?: string },
) => Promise<boolean>;

/** What the signature says about a request: not verified, this cloud is on loopback. */
export interface CredentialScope {
  readonly accessKeyId: string;
  readonly region: string;
  /** As AWS signs it: `s3`, `ec2`, `events`, … */
  readonly service: string;
}

/** The credential scope of a signature (version 4) in the header or, for a presigned URL, in the query. */
export function credentialScopeOf(
  headers: IncomingHttpHeaders,
  query: URLSearchParams,
): CredentialScope | undefined {
  const credential =
    /Credential=([^,\s]+)/.exec(headers.authorization ?? '')?.[1] ?? query.get('X-Amz-Credential');
  // The access key comes first and may not hold a slash; scope: date/region/service/aws4_request.
  const [accessKeyId, , region, service] = credential?.split('/') ?? [];
  if (accessKeyId === undefined || region === undefined || service === undefined) return undefined;
  return { accessKeyId, region, service: service.toLowerCase() };
}

/** Which access key belongs to which role session. */
export class Callers {
  private readonly sessions = new Map<string, Caller>();

  remember(accessKeyId: string, session: Omit<RoleSession, 'kind'>): void {
    this.sessions.set(accessKeyId, { kind: 'role', ...session });
  }

  /** An access key that no role session has is the operator's. */
  of(scope: CredentialScope | undefined): Caller {
    if (!scope) return { kind: 'anonymous' };
    return this.sessions.get(scope.accessKeyId) ?? { kind: 'operator' };
  }
}

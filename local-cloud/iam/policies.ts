import { XMLParser } from 'fast-xml-parser';
import type { NamedPolicy } from './simulation';
import type { MotoApi } from '../moto/moto-api';

/** A role's policies and tags. */
export interface RolePolicies {
  readonly identity: readonly NamedPolicy[];
  readonly boundary: NamedPolicy | undefined;
  readonly trust: unknown;
  readonly tags: Readonly<Record<string, string>>;
}

/** The policies of roles in moto's IAM, cached until the next write to IAM. */
export class AttachedPolicies {
  private readonly known = new Map<string, Promise<RolePolicies>>();

  constructor(private readonly moto: MotoApi) {}

  /** Rejects with AwsError when there is no such role. */
  of(roleArn: string): Promise<RolePolicies> {
    const kept = this.known.get(roleArn);
    if (kept) return kept;
    const read = this.read(roleArn.split('/').at(-1) ?? '');
    this.known.set(roleArn, read);
    // A role that could not be read is read again next time.
    read.catch(() => {
      if (this.known.get(roleArn) === read) this.known.delete(roleArn);
    });
    return read;
  }

  forget(): void {
    this.known.clear();
  }

  private async read(RoleName: string): Promise<RolePolicies> {
    const [role, inline, attached] = await Promise.all([
      this.call('GetRole', { RoleName }),
      this.call('ListRolePolicies', { RoleName }),
      this.call('ListAttachedRolePolicies', { RoleName }),
    ]);
    const facts = role.Role as RoleElement;
    const boundaryArn = facts.PermissionsBoundary?.PermissionsBoundaryArn;
    const names = members(inline.PolicyNames) as string[];
    const managed = members(attached.AttachedPolicies) as { PolicyArn: string }[];
    const tags = members(facts.Tags) as { Key: string; Value: string }[];
    return {
      identity: await Promise.all([
        ...names.map((name) => this.inline(RoleName, name)),
        ...managed.map(({ PolicyArn }) => this.managed(PolicyArn)),
      ]),
      boundary: boundaryArn === undefined ? undefined : await this.managed(boundaryArn),
      trust: document(facts.AssumeRolePolicyDocument),
      tags: Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])),
    };
  }

  private async inline(RoleName: string, PolicyName: string): Promise<NamedPolicy> {
    const answer = await this.call('GetRolePolicy', { RoleName, PolicyName });
    return { name: PolicyName, policy: document(answer.PolicyDocument as string) };
  }

  private async managed(PolicyArn: string): Promise<NamedPolicy> {
    const policy = (await this.call('GetPolicy', { PolicyArn })).Policy as { DefaultVersionId: string };
    const answer = await this.call('GetPolicyVersion', { PolicyArn, VersionId: policy.DefaultVersionId });
    const version = answer.PolicyVersion as { Document: string };
    return { name: PolicyArn.split('/').at(-1) ?? PolicyArn, policy: document(version.Document) };
  }

  private async call(Action: string, fields: Record<string, string>): Promise<Record<string, unknown>> {
    const xml = await this.moto.query('iam', Action, fields);
    const answer = parser.parse(xml) as Record<string, Record<string, Record<string, unknown>>>;
    return answer[`${Action}Response`]?.[`${Action}Result`] ?? {};
  }
}

interface RoleElement {
  readonly AssumeRolePolicyDocument: string;
  readonly PermissionsBoundary?: { readonly PermissionsBoundaryArn?: string };
  readonly Tags?: unknown;
}

const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === 'member' });

function members(list: unknown): unknown[] {
  return typeof list === 'object' && list !== null && 'member' in list ? (list.member as unknown[]) : [];
}

/** IAM writes policy documents in URL form. */
function document(text: string): unknown {
  return JSON.parse(text.trimStart().startsWith('{') ? text : decodeURIComponent(text));
}

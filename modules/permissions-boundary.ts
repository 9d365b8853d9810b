import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { Aspects, type IAspect } from 'cdktf';
import type { Construct, IConstruct } from 'constructs';

/** Sets the permissions boundary of every role below `scope`, also of roles that are added later. */
export function setPermissionsBoundary(scope: Construct, policyArn: string): void {
  Aspects.of(scope).add(new PermissionsBoundary(policyArn));
}

class PermissionsBoundary implements IAspect {
  constructor(private readonly policyArn: string) {}

  visit(node: IConstruct): void {
    if (node instanceof IamRole) node.permissionsBoundary = this.policyArn;
  }
}

import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { AwsProvider } from '@cdktf/provider-aws/lib/provider';
import { App, Aspects, LocalBackend, S3Backend, TerraformElement, TerraformStack } from 'cdktf';
import type { Construct, Node } from 'constructs';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { PipelineSettings } from './settings';

/** The path from the folder in which Terraform runs, <project>/cdktf.out/stacks/<id>, to the project's folder. */
const PROJECT_FROM_STACK = '../../..';

export type StackSettings = Pick<
  PipelineSettings,
  'name' | 'region' | 'tags' | 'accountId' | 'deployRoleArn' | 'permissionsBoundaryArn' | 'state'
>;

/**
 * A Terraform stack with readable resource names. Its state is in a file beside cdktf.json or in a bucket. Its JSON is the
 * same on every machine.
 */
export class PipelineStack extends TerraformStack {
  private readonly elements = new Map<string, TerraformElement>();

  constructor(scope: Construct, settings: StackSettings) {
    super(scope, settings.name);
    const { name, region, tags, accountId, deployRoleArn, permissionsBoundaryArn, state } = settings;
    new AwsProvider(this, 'aws', {
      region,
      defaultTags: [{ tags: { Project: 'lamplighter', ...tags } }],
      ...(accountId !== undefined && { allowedAccountIds: [accountId] }),
      ...(deployRoleArn !== undefined && { assumeRole: [asDeployer(deployRoleArn)] }),
    });
    this.addOverride('terraform.required_version', '>= 1.5.0, < 2.0.0');
    if (state) this.keepStateIn(state, settings);
    else new LocalBackend(this, { path: `${PROJECT_FROM_STACK}/terraform.${name}.tfstate` });
    this.addOverride('terraform.required_providers.aws.version', '=5.100.0');
    // An aspect also visits the roles that are added later.
    Aspects.of(this).add({
      visit: (node) => {
        if (node instanceof IamRole && permissionsBoundaryArn)
          node.permissionsBoundary = permissionsBoundaryArn;
      },
    });
  }

  private keepStateIn(state: NonNullable<StackSettings['state']>, { name, region }: StackSettings): void {
    const { bucket, kmsKeyArn, roleArn } = state;
    const backend = new S3Backend(this, {
      bucket,
      key: state.key ?? `lamplighter/${name}.tfstate`,
      region: state.region ?? region,
      encrypt: true,
      ...(kmsKeyArn !== undefined && { kmsKeyId: kmsKeyArn }),
      ...(roleArn !== undefined && { assumeRole: asDeployer(roleArn) }),
    });
    // The lock is an object beside the state. A conditional write creates it, so no DynamoDB table is needed.
    backend.addOverride('use_lockfile', true);
    // Older versions do not support this lock.
    this.addOverride('terraform.required_version', '>= 1.10.0, < 2.0.0');
  }

  /** Writes a file into the stack's output folder. Returns its path relative to that folder, in which Terraform runs. */
  addFile(name: string, content: Uint8Array): string {
    const app = App.of(this);
    const path = `files/${name}`;
    const target = join(app.outdir, app.manifest.forStack(this).workingDirectory, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
    return path;
  }

  /**
   * A resource gets the name of the construct that contains it (aws_s3_bucket.data). A resource directly below the stack gets
   * its own id. Throws if two resources of one type get the same name, because Terraform would silently merge them.
   */
  protected override allocateLogicalId(element: TerraformElement | Node): string {
    if (!TerraformElement.isTerraformElement(element)) return super.allocateLogicalId(element);
    const scopes = element.node.scopes;
    const path = scopes.slice(scopes.indexOf(this) + 1).map(({ node }) => node.id);
    const name = (path.length > 1 ? path.slice(0, -1) : path).join('_');
    const type = element.constructor.name;
    const holder = this.elements.get(`${type} ${name}`) ?? element;
    if (holder !== element) {
      throw new Error(
        `${holder.node.path} and ${element.node.path} would both get the name ${name}; rename one of them`,
      );
    }
    this.elements.set(`${type} ${name}`, element);
    return name;
  }
}

/** The role to assume. CloudTrail shows the session's name. */
function asDeployer(roleArn: string): { roleArn: string; sessionName: string } {
  return { roleArn, sessionName: 'lamplighter' };
}

/** The stack that contains a construct. Throws if it is not a PipelineStack. */
export function pipelineStackOf(construct: Construct): PipelineStack {
  const stack = TerraformStack.of(construct);
  if (stack instanceof PipelineStack) return stack;
  throw new Error(`${construct.node.path} must be in a PipelineStack`);
}

import { AwsProvider } from '@cdktf/provider-aws/lib/provider';
import { App, LocalBackend, S3Backend, TerraformElement, TerraformStack } from 'cdktf';
import type { Construct, Node } from 'constructs';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The path from the folder in which Terraform runs, <project>/cdktf.out/stacks/<id>, to the project's folder. */
const PROJECT_FROM_STACK = '../../..';

/** The bucket in which Terraform keeps a stack's state. */
export interface RemoteState {
  readonly bucket: string;
  readonly key: string;
  readonly region: string;
  readonly kmsKeyArn?: string | undefined;
  readonly roleArn?: string | undefined;
}

export interface PipelineStackProps {
  readonly region: string;
  /** Tags of every resource that supports tags. */
  readonly tags: Readonly<Record<string, string>>;
  /** The only account to which Terraform may deploy. @default any */
  readonly accountId?: string | undefined;
  /** The role that Terraform assumes. @default none */
  readonly deployRoleArn?: string | undefined;
  /** @default a file beside cdktf.json */
  readonly state?: RemoteState | undefined;
}

/**
 * A Terraform stack with readable resource names. Its state is in a file beside cdktf.json or in a bucket. Its JSON is the
 * same on every machine.
 */
export class PipelineStack extends TerraformStack {
  private readonly elements = new Map<string, TerraformElement>();

  constructor(scope: Construct, id: string, props: PipelineStackProps) {
    super(scope, id);
    const { accountId, deployRoleArn } = props;
    new AwsProvider(this, 'aws', {
      region: props.region,
      defaultTags: [{ tags: { ...props.tags } }],
      ...(accountId === undefined ? {} : { allowedAccountIds: [accountId] }),
      ...(deployRoleArn === undefined ? {} : { assumeRole: [asDeployer(deployRoleArn)] }),
    });
    this.addOverride('terraform.required_version', '>= 1.5.0, < 2.0.0');
    if (props.state) this.keepStateIn(props.state);
    else new LocalBackend(this, { path: `${PROJECT_FROM_STACK}/terraform.${id}.tfstate` });
    this.addOverride('terraform.required_providers.aws.version', '=5.100.0');
  }

  private keepStateIn({ bucket, key, region, kmsKeyArn, roleArn }: RemoteState): void {
    const backend = new S3Backend(this, {
      bucket,
      key,
      region,
      encrypt: true,
      ...(kmsKeyArn === undefined ? {} : { kmsKeyId: kmsKeyArn }),
      ...(roleArn === undefined ? {} : { assumeRole: asDeployer(roleArn) }),
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

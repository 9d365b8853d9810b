import { AwsProvider } from '@cdktf/provider-aws/lib/provider';
import { App, LocalBackend, S3Backend, TerraformElement, TerraformStack } from 'cdktf';
import type { Construct, Node } from 'constructs';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The project's folder, seen from the folder in which Terraform runs: <project>/cdktf.out/stacks/<id>. */
const PROJECT_FROM_STACK = '../../..';

/** Where Terraform keeps what it knows of a stack. */
export interface RemoteState {
  readonly bucket: string;
  readonly key: string;
  readonly region: string;
  readonly kmsKeyArn?: string | undefined;
  readonly roleArn?: string | undefined;
}

export interface PipelineStackProps {
  readonly region: string;
  /** Put on everything that can carry tags. */
  readonly tags: Readonly<Record<string, string>>;
  /** The one account that may be deployed to. @default any */
  readonly accountId?: string | undefined;
  /** The role that Terraform takes on. @default none */
  readonly deployRoleArn?: string | undefined;
  /** @default a file beside cdktf.json */
  readonly state?: RemoteState | undefined;
}

/**
 * A Terraform stack whose resources have readable names, whose state lies beside cdktf.json or in a bucket, and whose
 * JSON is the same on every machine.
 */
export class PipelineStack extends TerraformStack {
  private readonly named = new Map<string, TerraformElement>();

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
    // The lock is an object beside the state, written on the condition that there is none; it needs no table in DynamoDB.
    backend.addOverride('use_lockfile', true);
    // Older ones do not know that lock.
    this.addOverride('terraform.required_version', '>= 1.10.0, < 2.0.0');
  }

  /** Writes a file beside the stack's JSON and returns its path from there, which is where Terraform runs. */
  addFile(name: string, content: Uint8Array): string {
    const app = App.of(this);
    const path = `files/${name}`;
    const target = join(app.outdir, app.manifest.forStack(this).workingDirectory, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
    return path;
  }

  /**
   * A resource is called after the construct that it belongs to (aws_s3_bucket.data), one directly below the stack after
   * itself. Throws when two of one type would get one name, which Terraform would otherwise silently merge.
   */
  protected override allocateLogicalId(element: TerraformElement | Node): string {
    if (!TerraformElement.isTerraformElement(element)) return super.allocateLogicalId(element);
    const scopes = element.node.scopes;
    const path = scopes.slice(scopes.indexOf(this) + 1).map(({ node }) => node.id);
    const name = (path.length > 1 ? path.slice(0, -1) : path).join('_');
    const type = element.constructor.name;
    const holder = this.named.get(`${type} ${name}`) ?? element;
    if (holder !== element) {
      throw new Error(
        `${holder.node.path} and ${element.node.path} would both be called ${name}; rename one`,
      );
    }
    this.named.set(`${type} ${name}`, element);
    return name;
  }
}

/** CloudTrail shows the session's name. */
function asDeployer(roleArn: string): { roleArn: string; sessionName: string } {
  return { roleArn, sessionName: 'lamplighter' };
}

/** The stack that a construct is in. Throws when it is in another kind of stack. */
export function pipelineStackOf(construct: Construct): PipelineStack {
  const stack = TerraformStack.of(construct);
  if (stack instanceof PipelineStack) return stack;
  throw new Error(`${construct.node.path} must be in a PipelineStack`);
}

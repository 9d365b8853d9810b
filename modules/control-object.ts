import { S3Object } from '@cdktf/provider-aws/lib/s3-object';
import { Construct } from 'constructs';
import type { Bundle } from './bundle';
import { pipelineStackOf, type PipelineStack } from './pipeline-stack';
import type { PrivateBucket } from './private-bucket';

export interface ControlObjectProps {
  readonly bucket: PrivateBucket;
  /**
   * Independent of the content. With a digest in the key, a deploy would replace the object. Terraform deletes all versions
   * of a replaced object, so jobs admitted before the deploy would lose their model.
   */
  readonly key: string;
  readonly contentType: string;
  readonly bundle: Pick<Bundle, 'content' | 'sha256Hex'>;
}

/** A file that the instance fetches from the control bucket, by key and version. */
export class ControlObject extends Construct {
  readonly key: string;
  /** A Terraform reference to the version that the deploy wrote. */
  readonly versionId: string;

  constructor(scope: Construct, id: string, props: ControlObjectProps) {
    super(scope, id);
    const { key, bundle } = props;
    const object = new S3Object(this, 'object', {
      bucket: props.bucket.bucketName,
      key,
      source: pipelineStackOf(this).addFile(key, bundle.content),
      sourceHash: bundle.sha256Hex,
      contentType: props.contentType,
      // S3 accepts at most ten tags per object, and a pipeline may have more.
      overrideProvider: { defaultTags: { tags: {} } },
      dependsOn: [props.bucket.ready],
    });
    object.lifecycle = {
      postcondition: [hasVersion(key, `aws_s3_object.${object.friendlyUniqueId}`, pipelineStackOf(this))],
    };
    this.key = key;
    this.versionId = object.versionId;
  }
}

/**
 * Jobs and the SSM document pin the version. Versioning may need 15 minutes to take effect in a new bucket.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.md
 */
function hasVersion(key: string, address: string, stack: PipelineStack) {
  return {
    condition: '${coalesce(self.version_id, "null") != "null"}',
    // Terraform breaks long lines, except for those that begin with a blank.
    errorMessage:
      `S3 has stored ${key} without a version: the versioning of the new bucket is not in effect yet. Wait for 15 minutes, ` +
      `then run in cdktf.out/stacks/${stack.node.id}, with one -replace for each such error:\n\n` +
      `  terraform apply -replace=${address}`,
  };
}

import { S3Object } from '@cdktf/provider-aws/lib/s3-object';
import { Construct } from 'constructs';
import type { Bundle } from './bundle';
import { pipelineStackOf } from './pipeline-stack';
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
    this.key = key;
    this.versionId = object.versionId;
  }
}

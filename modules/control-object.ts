import { S3Object } from '@cdktf/provider-aws/lib/s3-object';
import { Construct } from 'constructs';
import type { Bundle } from './bundle';
import { pipelineStackOf } from './pipeline-stack';
import type { PrivateBucket } from './private-bucket';

export interface ControlObjectProps {
  readonly bucket: PrivateBucket;
  /**
   * The same for every content. With a digest in it a deploy would replace the object, and Terraform deletes a replaced
   * object with all its versions: jobs admitted before would lose their model.
   */
  readonly key: string;
  readonly contentType: string;
  readonly bundle: Pick<Bundle, 'content' | 'sha256Hex'>;
}

/** A file that the instance fetches from the control bucket, by key and version. */
export class ControlObject extends Construct {
  readonly key: string;
  /** The version that this deploy has written; known to Terraform only. */
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
      // An S3 object takes ten tags at most, and a pipeline may have more.
      overrideProvider: { defaultTags: { tags: {} } },
      dependsOn: [props.bucket.ready],
    });
    this.key = key;
    this.versionId = object.versionId;
  }
}

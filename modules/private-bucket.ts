import { LambdaPermission } from '@cdktf/provider-aws/lib/lambda-permission';
import { S3Bucket } from '@cdktf/provider-aws/lib/s3-bucket';
import { S3BucketLifecycleConfiguration } from '@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration';
import { S3BucketNotification } from '@cdktf/provider-aws/lib/s3-bucket-notification';
import { S3BucketOwnershipControls } from '@cdktf/provider-aws/lib/s3-bucket-ownership-controls';
import { S3BucketPolicy } from '@cdktf/provider-aws/lib/s3-bucket-policy';
import { S3BucketPublicAccessBlock } from '@cdktf/provider-aws/lib/s3-bucket-public-access-block';
import { S3BucketServerSideEncryptionConfigurationA } from '@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration';
import { S3BucketVersioningA } from '@cdktf/provider-aws/lib/s3-bucket-versioning';
import { Construct } from 'constructs';
import { onlyOverTls } from './permissions';
import type { PipelineFunction } from './pipeline-function';

export interface PrivateBucketProps {
  readonly bucketName: string;
  /** Whether a destroy of the stack may delete the bucket with all its objects. */
  readonly disposable: boolean;
  /** @default a key that S3 owns */
  readonly kmsKeyArn?: string | undefined;
  /** When objects and versions expire. Incomplete multipart uploads always expire after a week. */
  readonly expiry: readonly Expiry[];
}

export interface Expiry {
  readonly id: string;
  /** @default "" (every key) */
  readonly prefix?: string;
  /** Days after which objects expire. @default never */
  readonly days?: number;
  /** Days after which overwritten and deleted versions expire. */
  readonly noncurrentDays: number;
}

/**
 * A bucket that is private, TLS-only, encrypted and versioned, and whose account owns all objects. A destroy keeps the bucket
 * unless it is disposable.
 */
export class PrivateBucket extends Construct {
  /** A Terraform reference to the name, which contains the account's number. */
  readonly bucketName: string;
  readonly arn: string;
  /** Resources that write objects depend on this: without versioning an object gets no version id. */
  readonly ready: S3BucketVersioningA;

  constructor(scope: Construct, id: string, props: PrivateBucketProps) {
    super(scope, id);
    const bucket = new S3Bucket(this, 'bucket', {
      bucket: props.bucketName,
      forceDestroy: props.disposable,
      lifecycle: { preventDestroy: !props.disposable },
    });
    this.bucketName = bucket.bucket;
    this.arn = bucket.arn;

    const block = new S3BucketPublicAccessBlock(this, 'public-access-block', {
      bucket: this.bucketName,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    });
    new S3BucketOwnershipControls(this, 'ownership', {
      bucket: this.bucketName,
      rule: { objectOwnership: 'BucketOwnerEnforced' },
    });
    new S3BucketServerSideEncryptionConfigurationA(this, 'encryption', {
      bucket: this.bucketName,
      rule: [encryptedWith(props.kmsKeyArn)],
    });
    this.ready = new S3BucketVersioningA(this, 'versioning', {
      bucket: this.bucketName,
      versioningConfiguration: { status: 'Enabled' },
    });
    new S3BucketLifecycleConfiguration(this, 'expiry', {
      bucket: this.bucketName,
      rule: [incompleteUploads, ...props.expiry.map(expiryRule)],
    });
    new S3BucketPolicy(this, 'policy', {
      bucket: this.bucketName,
      policy: onlyOverTls(this),
      // S3 refuses one of two simultaneous changes of a bucket's access with a conflict.
      dependsOn: [block],
    });
  }

  /**
   * Makes S3 call the function for every object that is created. S3 keeps one notification configuration per bucket, so
   * a second call for the same bucket throws.
   * @param filter the beginning and the end of the keys. @default every key
   */
  notifyOnCreate(target: PipelineFunction, filter?: { filterPrefix: string; filterSuffix: string }): void {
    const permission = new LambdaPermission(this, 'permission', {
      action: 'lambda:InvokeFunction',
      functionName: target.functionName,
      principal: 's3.amazonaws.com',
      sourceArn: this.arn,
      // Bucket names are global. If this bucket is deleted, another account may create a bucket of the same name.
      sourceAccount: target.accountId,
    });
    new S3BucketNotification(this, 'notification', {
      bucket: this.bucketName,
      lambdaFunction: [{ lambdaFunctionArn: target.arn, events: ['s3:ObjectCreated:*'], ...filter }],
      dependsOn: [permission, target.ready, this.ready],
    });
  }
}

/** With a bucket key, S3 calls KMS once for many objects instead of once per object. */
function encryptedWith(kmsKeyArn: string | undefined) {
  if (kmsKeyArn === undefined) return { applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } };
  return {
    applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: kmsKeyArn },
    bucketKeyEnabled: true,
  };
}

const incompleteUploads = {
  id: 'broken-off-uploads',
  status: 'Enabled',
  filter: [{ prefix: '' }],
  abortIncompleteMultipartUpload: [{ daysAfterInitiation: 7 }],
};

function expiryRule({ id, prefix = '', days, noncurrentDays }: Expiry) {
  return {
    id,
    status: 'Enabled',
    filter: [{ prefix }],
    // Delete markers without older versions slow down every list.
    expiration: [days === undefined ? { expiredObjectDeleteMarker: true } : { days }],
    noncurrentVersionExpiration: [{ noncurrentDays }],
  };
}

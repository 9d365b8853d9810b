import { LambdaPermission } from '@cdktf/provider-aws/lib/lambda-permission';
import { S3Bucket } from '@cdktf/provider-aws/lib/s3-bucket';
import {
  S3BucketLifecycleConfiguration,
  type S3BucketLifecycleConfigurationRule,
} from '@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration';
import { S3BucketNotification } from '@cdktf/provider-aws/lib/s3-bucket-notification';
import { S3BucketOwnershipControls } from '@cdktf/provider-aws/lib/s3-bucket-ownership-controls';
import { S3BucketPolicy } from '@cdktf/provider-aws/lib/s3-bucket-policy';
import { S3BucketPublicAccessBlock } from '@cdktf/provider-aws/lib/s3-bucket-public-access-block';
import {
  S3BucketServerSideEncryptionConfigurationA,
  type S3BucketServerSideEncryptionConfigurationRuleA,
} from '@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration';
import { S3BucketVersioningA } from '@cdktf/provider-aws/lib/s3-bucket-versioning';
import { Construct } from 'constructs';
import { onlyOverTls } from './permissions';
import type { PipelineFunction } from './pipeline-function';

export interface PrivateBucketProps {
  readonly bucketName: string;
  /** Whether destroying the stack may delete the bucket with everything in it. */
  readonly disposable: boolean;
  /** @default a key that S3 owns */
  readonly kmsKeyArn?: string | undefined;
  /** When which objects and versions expire; broken-off uploads always go after a week. */
  readonly expiry: readonly Expiry[];
}

export interface Expiry {
  readonly id: string;
  /** @default "" (every key) */
  readonly prefix?: string;
  /** Objects expire after this. @default never */
  readonly days?: number;
  /** Versions that were overwritten or deleted expire after this. */
  readonly noncurrentDays: number;
}

export interface NotificationProps {
  /** @default "" (every key) */
  readonly prefix?: string;
  /** @default "" (any ending) */
  readonly suffix?: string;
}

/** A bucket that is private, TLS-only, encrypted, versioned, owned by its account, and kept unless disposable. */
export class PrivateBucket extends Construct {
  /** Its name; known to Terraform only, since it holds the account's number. */
  readonly bucketName: string;
  readonly arn: string;
  private readonly versioning: S3BucketVersioningA;

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
    this.versioning = new S3BucketVersioningA(this, 'versioning', {
      bucket: this.bucketName,
      versioningConfiguration: { status: 'Enabled' },
    });
    new S3BucketLifecycleConfiguration(this, 'expiry', {
      bucket: this.bucketName,
      rule: [brokenOffUploads, ...props.expiry.map(expiryRule)],
    });
    new S3BucketPolicy(this, 'policy', {
      bucket: this.bucketName,
      policy: onlyOverTls(this),
      // S3 answers one of two changes to a bucket's access at the same time with a conflict.
      dependsOn: [block],
    });
  }

  /** What has to exist before an object is written: without versioning it would get no version id. */
  get ready(): S3BucketVersioningA {
    return this.versioning;
  }

  /**
   * Has S3 call the function for every object created. A bucket has one notification configuration, so this is called at
   * most once per bucket; a second call throws.
   */
  notifyOnCreate(target: PipelineFunction, props: NotificationProps = {}): void {
    const permission = new LambdaPermission(this, 'permission', {
      action: 'lambda:InvokeFunction',
      functionName: target.functionName,
      principal: 's3.amazonaws.com',
      sourceArn: this.arn,
      // Bucket names are global: should this one ever be deleted, its next owner is somebody else.
      sourceAccount: target.accountId,
    });
    new S3BucketNotification(this, 'notification', {
      bucket: this.bucketName,
      lambdaFunction: [
        {
          lambdaFunctionArn: target.arn,
          events: ['s3:ObjectCreated:*'],
          ...(props.prefix === undefined ? {} : { filterPrefix: props.prefix }),
          ...(props.suffix === undefined ? {} : { filterSuffix: props.suffix }),
        },
      ],
      dependsOn: [permission, target.ready, this.versioning],
    });
  }
}

/** With a bucket key S3 asks KMS once for many objects, not for each. */
function encryptedWith(kmsKeyArn: string | undefined): S3BucketServerSideEncryptionConfigurationRuleA {
  if (kmsKeyArn === undefined) return { applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } };
  return {
    applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: kmsKeyArn },
    bucketKeyEnabled: true,
  };
}

const brokenOffUploads: S3BucketLifecycleConfigurationRule = {
  id: 'broken-off-uploads',
  status: 'Enabled',
  filter: [{ prefix: '' }],
  abortIncompleteMultipartUpload: [{ daysAfterInitiation: 7 }],
};

function expiryRule({ id, prefix = '', days, noncurrentDays }: Expiry): S3BucketLifecycleConfigurationRule {
  return {
    id,
    status: 'Enabled',
    filter: [{ prefix }],
    // Delete markers that hide nothing any more slow down every list.
    expiration: [days === undefined ? { expiredObjectDeleteMarker: true } : { days }],
    noncurrentVersionExpiration: [{ noncurrentDays }],
  };
}

import { S3Client } from '@aws-sdk/client-s3';

/**
 * The socket timeout limits silence, not a whole request, because one part of an upload may take minutes on a slow
 * line. Five tries with the SDK's back-off outlast S3's transient errors SlowDown and InternalError.
 */
export function s3Client(region: string): S3Client {
  return new S3Client({
    region,
    retryMode: 'standard',
    maxAttempts: 5,
    requestHandler: { connectionTimeout: 3_000, socketTimeout: 20_000 },
  });
}

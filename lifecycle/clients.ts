import { EC2Client } from '@aws-sdk/client-ec2';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SSMClient } from '@aws-sdk/client-ssm';
import { systemClock } from './clock';
import type { LedgerClients } from './context';

/**
 * The SDK tries each call at most four times, for at most 5 s each, with its back-off in between. The four tries fit into
 * the shortest time limit of the functions (60 s). `standard` waits less than `adaptive` and never delays a first try.
 */
const options = {
  maxAttempts: 4,
  retryMode: 'standard',
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
};

export const ec2Client = () => new EC2Client(options);
export const ssmClient = () => new SSMClient(options);

/** The clients and the clock of the functions that work on the ledger. */
export function ledgerClients(): LedgerClients {
  const s3 = new S3Client(options);
  return { s3, ec2: ec2Client(), lambda: new LambdaClient(options), clock: systemClock };
}

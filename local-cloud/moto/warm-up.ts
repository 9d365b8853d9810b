import { AwsError } from '../wire/answer';
import type { MotoApi } from './moto-api';

/** One cheap read of each service that a deployment uses, as JSON target or as path. */
const JSON_CALLS = [
  // moto reads the list of public images at the first question for one, which takes longest.
  [
    'ssm',
    'AmazonSSM.GetParameter',
    { Name: '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64' },
  ],
  ['logs', 'Logs_20140328.DescribeLogGroups', {}],
  ['events', 'AWSEvents.ListRules', {}],
  ['sqs', 'AmazonSQS.ListQueues', {}],
] as const;

/**
 * Makes moto load its services while Terraform is still being prepared. moto loads a service's code and
 * tables at the first call of it. During an apply each of these loads would stop all other calls for up to two seconds.
 */
export async function warmUp(moto: MotoApi): Promise<void> {
  const calls = [
    () => moto.query('iam', 'GetRole', { RoleName: 'none' }),
    () => moto.query('ec2', 'DescribeVpcs', {}),
    ...JSON_CALLS.map(
      ([service, target, body]) =>
        () =>
          moto.json(service, target, body),
    ),
    () => moto.request('GET', '/2015-03-31/functions', { service: 'lambda' }),
    () => moto.query('sns', 'ListTopics', {}),
    () => moto.query('monitoring', 'DescribeAlarms', {}),
    () => moto.query('sts', 'GetCallerIdentity', {}),
    () => moto.request('GET', '/'),
  ];
  // An answer that is an error has loaded the service too.
  await Promise.all(calls.map((call) => call().catch(ignoreAwsError)));
}

function ignoreAwsError(error: unknown): void {
  if (!(error instanceof AwsError)) throw error;
}

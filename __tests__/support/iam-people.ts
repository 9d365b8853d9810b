/*
 * The permissions that people need for the command line: every call to AWS, the commands that send it, and the IAM actions
 * that it requires. A test compares this list with the code.
 */

/** One call in one file. */
interface Sent {
  readonly file: string;
  /** The SDK's name of the call: `GetObject`, or `Upload` of its library for uploads in parts. */
  readonly call: string;
  /** The commands that send the call. None: only the functions, or only the local cloud, send it from this file. */
  readonly by: readonly string[];
  readonly needs: readonly Grant[];
}

/** IAM actions on one kind of resource. */
export type Grant = readonly [InMemoryPipeline, ...string[]];

/** Kinds of resources, in the order of the policies. */
export const PLACES = {
  manifests: 'the manifests',
  data: 'data bucket',
  uploads: 'data bucket',
  output: 'output bucket',
  results: 'output bucket',
  control: 'control bucket',
  ledger: 'control bucket',
  toAdmit: 'control bucket, `open/`',
  toOrder: 'control bucket, `orders.json`',
  instance: 'the instance',
  orders: 'tags of the instance',
  stop: 'the function stop',
  failures: 'the queue of failures',
  logs: 'the logs',
  everything: '`*`',
} as const;

export type InMemoryPipeline = keyof typeof PLACES;

const LOOKING = ['status', 'list', 'results', 'logs', 'audit', 'doctor', 'report'] as const;
const ORDERING = ['pause', 'resume', 'hold', 'release', 'warm'] as const;
const ADMITTING = 'audit --admit';
const WAITING = 'submit --wait';
export const REFRESHING = 'estimate --refresh-prices';

/** The commands of people who only read, and of people who also act. */
export const READER: readonly string[] = LOOKING;
export const OPERATOR: readonly string[] = [...LOOKING, 'submit', WAITING, 'retry', ADMITTING, ...ORDERING];

/** Commands that read records of both buckets. S3 answers 404 for a missing object only if the caller may list the bucket. */
const READING = [...LOOKING, ADMITTING, WAITING, 'retry'];
const records: readonly Grant[] = [
  ['results', 's3:GetObject'],
  ['ledger', 's3:GetObject'],
];
const lists: readonly Grant[] = [
  ['output', 's3:ListBucket'],
  ['control', 's3:ListBucket'],
];
const describe: readonly Grant[] = [['everything', 'ec2:DescribeInstances']];
const versions: readonly Grant[] = [['data', 's3:ListBucketVersions']];
const headVersion: readonly Grant[] = [
  ['uploads', 's3:GetObjectVersion'],
  ['data', 's3:ListBucket'],
];

const ec2Instance = (call: string, by: readonly string[], needs: readonly Grant[]): Sent => ({
  ...{ file: 'lifecycle/instance.ts', call, by, needs },
});
const store = (call: string, by: readonly string[], needs: readonly Grant[]): Sent => ({
  ...{ file: 'lifecycle/store.ts', call, by, needs },
});
const noCommand = (file: string, call: string): Sent => ({ file, call, by: [], needs: [] });

export const SENT: readonly Sent[] = [
  {
    file: 'scripts/pipeline/find-pipeline.ts',
    call: 'GetParametersByPath',
    by: OPERATOR,
    needs: [['manifests', 'ssm:GetParametersByPath']],
  },
  {
    file: 'scripts/pipeline/readings/instance.ts',
    call: 'DescribeInstances',
    by: ['status', 'report', 'doctor', WAITING, ...ORDERING],
    needs: describe,
  },
  {
    file: 'scripts/pipeline/upload-files.ts',
    call: 'Upload',
    by: ['submit', WAITING],
    needs: [['uploads', 's3:PutObject', 's3:AbortMultipartUpload']],
  },
  {
    file: 'scripts/pipeline/results.ts',
    call: 'GetObject',
    by: ['results', WAITING],
    needs: [['results', 's3:GetObject']],
  },
  {
    file: 'scripts/pipeline/list-uploads.ts',
    call: 'ListObjectVersions',
    by: ['audit', ADMITTING, 'doctor'],
    needs: versions,
  },
  // submit --wait also uses the doctor's readings, to print why a job waits.
  { file: 'scripts/doctor/read-ledger.ts', call: 'HeadObject', by: ['doctor', WAITING], needs: headVersion },
  {
    file: 'scripts/doctor/read-machine.ts',
    call: 'DescribeInstanceInformation',
    by: ['doctor', WAITING],
    needs: [['everything', 'ssm:DescribeInstanceInformation']],
  },
  {
    file: 'scripts/doctor/read-machine.ts',
    call: 'ListCommands',
    by: ['doctor', WAITING],
    needs: [['everything', 'ssm:ListCommands']],
  },
  ...['GetQueueUrl', 'GetQueueAttributes', 'ReceiveMessage'].map((call): Sent => ({
    ...{ file: 'scripts/doctor/read-failed-events.ts', call, by: ['doctor'] },
    needs: [['failures', `sqs:${call}`]],
  })),
  {
    file: 'scripts/pipeline/job-logs.ts',
    call: 'FilterLogEvents',
    by: ['logs'],
    needs: [['logs', 'logs:FilterLogEvents']],
  },
  {
    file: 'scripts/pipeline/sweep.ts',
    call: 'Invoke',
    by: ['resume', 'release', ADMITTING],
    needs: [['stop', 'lambda:InvokeFunction']],
  },
  { file: 'scripts/pipeline/retry.ts', call: 'HeadObject', by: ['retry'], needs: headVersion },
  { file: 'scripts/pipeline/retry.ts', call: 'ListObjectVersions', by: ['retry'], needs: versions },
  {
    file: 'scripts/pipeline/retry.ts',
    call: 'CopyObject',
    by: ['retry'],
    needs: [['uploads', 's3:GetObjectVersion', 's3:PutObject']],
  },
  {
    file: 'scripts/pipeline/order-tags.ts',
    call: 'CreateTags',
    by: ['pause', 'hold', 'warm'],
    needs: [['orders', 'ec2:CreateTags']],
  },
  {
    file: 'scripts/pipeline/order-tags.ts',
    call: 'DeleteTags',
    by: ['resume', 'release'],
    needs: [['orders', 'ec2:DeleteTags']],
  },
  ec2Instance('DescribeInstances', ['doctor', WAITING, ...ORDERING], describe),
  ec2Instance('StartInstances', ['warm'], [['instance', 'ec2:StartInstances']]),
  store('GetObject', READING, records),
  store('HeadObject', ['logs', 'audit', ADMITTING, 'doctor', WAITING, 'retry'], records),
  store('ListObjectsV2', READING, lists),
  // Lists the open jobs.
  store('ListObjectsV2', ['pause', 'resume', 'release'], [['control', 's3:ListBucket']]),
  // The orders.
  store('GetObject', ['pause', 'resume', 'warm'], [['ledger', 's3:GetObject']]),
  store('ListObjectsV2', ['warm'], [['control', 's3:ListBucket']]),
  store('PutObject', ['pause', 'resume'], [['toOrder', 's3:PutObject']]),
  store('PutObject', [ADMITTING], [['toAdmit', 's3:PutObject']]),
  {
    file: 'scripts/prices/refresh.ts',
    call: 'GetProducts',
    by: [REFRESHING],
    needs: [['everything', 'pricing:GetProducts']],
  },
  // Calls of the functions, in files that the command line also imports.
  noCommand('lifecycle/instance.ts', 'StopInstances'),
  noCommand('lifecycle/instance.ts', 'CreateTags'),
  noCommand('lifecycle/store.ts', 'DeleteObject'),
  noCommand('lifecycle/context.ts', 'Invoke'),
  // Calls to the local cloud, whose user may do everything.
  noCommand('scripts/report/live-download.ts', 'GetObject'),
  noCommand('scripts/report/live-server.ts', 'Upload'),
];

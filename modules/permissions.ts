/*
 * Who may do what: every IAM statement of a pipeline, in the order of the design's table. A statement that is not here is
 * not granted anywhere.
 */

export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Condition;
  readonly Principal?: string | Readonly<Record<string, string>>;
}

type Condition = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

interface HasArn {
  readonly arn: string;
}

interface Ledger {
  readonly pipeline: string;
  readonly data: HasArn;
  readonly output: HasArn;
  readonly control: HasArn;
}

/** trigger: sees whether a receipt exists, admits jobs, moves the gate, starts the instance, invokes worker. */
export function triggerMay(on: Ledger & { readonly instance: HasArn; readonly worker: HasArn }): Statement[] {
  return [
    seeReceipts(on.output),
    list('FindReceipts', on.output, ['results/*']),
    admit(on.control),
    objects('ReadGateAndOpen', on.control, ['s3:GetObject'], ['gate.json', 'open/*']),
    objects('MoveGate', on.control, ['s3:PutObject'], ['gate.json']),
    list('FindGateAndOpen', on.control, ['gate.json', 'open/*']),
    describeInstances,
    onOwnInstance('StartInstance', on, ['ec2:StartInstances']),
    tagOwnInstance(on, ['lamplighter:phase']),
    invoke(on.worker),
  ];
}

/** worker: waits for the instance, and sends it the pipeline's own document, nothing else. */
export function workerMay(on: {
  readonly pipeline: string;
  readonly instance: HasArn;
  readonly document: HasArn;
}): Statement[] {
  return [
    describeInstances,
    // These two know no resources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
    allow('SeeCommands', ['ssm:DescribeInstanceInformation', 'ssm:ListCommands'], ['*']),
    allow('SendOnlyOurDocument', ['ssm:SendCommand'], [on.document.arn]),
    allow('OnlyToOwnInstance', ['ssm:SendCommand'], [on.instance.arn], {
      StringEquals: { 'ssm:resourceTag/lamplighter:pipeline': on.pipeline },
    }),
  ];
}

/** stop: settles the ledger, moves the gate, starts or stops the instance, and audits uploads against receipts. */
export function stopMay(on: Ledger & { readonly instance: HasArn; readonly worker: HasArn }): Statement[] {
  return [
    seeReceipts(on.output),
    list('AuditReceipts', on.output, ['results/*']),
    // The version is part of a job's identity. Reading an upload is not stop's business.
    allow('AuditUploads', ['s3:ListBucketVersions'], [on.data.arn]),
    admit(on.control),
    objects(
      'ReadLedger',
      on.control,
      ['s3:GetObject'],
      ['gate.json', 'audit.json', 'open/*', 'claims/*', 'status/*', 'sessions/*'],
    ),
    objects('MoveGateAndCursor', on.control, ['s3:PutObject'], ['gate.json', 'audit.json']),
    // The record of the instance's on-times, for bills.
    objects('KeepSessions', on.control, ['s3:PutObject'], ['sessions/*']),
    objects('CloseJobs', on.control, ['s3:DeleteObject'], ['open/*']),
    list('ListLedger', on.control, [
      'gate.json',
      'audit.json',
      'open/*',
      'claims/*',
      'status/*',
      'sessions/*',
    ]),
    describeInstances,
    onOwnInstance('StartAndStopInstance', on, ['ec2:StartInstances', 'ec2:StopInstances']),
    tagOwnInstance(on, ['lamplighter:phase', 'lamplighter:pause']),
    invoke(on.worker),
  ];
}

/** The instance: reads uploads, models and the runner; keeps claims and progress; writes results. No EC2, no tags. */
export function instanceMay(
  on: Ledger & { readonly instances: string; readonly drainLog: HasArn },
): Statement[] {
  return [
    ...systemsManagerAgent(on.instances),
    sendOutputTo(on.drainLog),
    // Uploads, models and the runner are read by version, which is a permission of its own.
    objects('ReadUploads', on.data, ['s3:GetObjectVersion'], ['*']),
    // Without it S3 would answer 403, not 404, for an upload that has been deleted.
    list('MissUploads', on.data, ['*']),
    objects('ReadModelsAndRunner', on.control, ['s3:GetObjectVersion'], ['models/*', 'runner/*']),
    objects('ReadGate', on.control, ['s3:GetObject'], ['gate.json']),
    objects('EndJobs', on.control, ['s3:GetObject', 's3:DeleteObject'], ['open/*']),
    objects(
      'ClaimAndReport',
      on.control,
      ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
      ['claims/*', 'status/*'],
    ),
    list('ListLedger', on.control, ['gate.json', 'open/*', 'claims/*', 'status/*']),
    objects(
      'WriteResults',
      on.output,
      ['s3:PutObject', 's3:AbortMultipartUpload'],
      [`results/*/${ANY_JOB}/attempt-*/*`],
    ),
    objects('CreateReceipts', on.output, ['s3:PutObject'], [RECEIPTS], onlyCreate),
    // An upload's own key may look like an attempt's.
    {
      Sid: 'NeverReplaceReceipts',
      Effect: 'Deny',
      Action: ['s3:PutObject'],
      Resource: [`${on.output.arn}/${RECEIPTS}`],
      Condition: { Null: { 's3:if-none-match': 'true' } },
    },
    seeReceipts(on.output),
    list('FindReceipts', on.output, ['results/*']),
  ];
}

/** Keys of one's own; without one there is nothing to grant. */
export interface Keys {
  readonly region: string;
  /** The buckets'. */
  readonly storage?: string | undefined;
  /** The disk's. */
  readonly disk?: string | undefined;
}

/** trigger and stop: the ledger's objects, by way of S3, and the disk, by way of EC2, when they start the instance. */
export function ledgerFunctionMayUse(keys: Keys, on: Ledger): Statement[] {
  return [
    ...throughS3('DecryptReceipts', keys, ['kms:Decrypt'], [on.output]),
    ...throughS3('UseKeyForLedger', keys, ['kms:Decrypt', 'kms:GenerateDataKey'], [on.control]),
    ...attachEncryptedDisk(keys),
  ];
}

/** The instance: decrypts what it reads, encrypts what it writes. Its disk is EC2's business. */
export function instanceMayUse(keys: Keys, on: Ledger): Statement[] {
  return [
    ...throughS3('DecryptUploads', keys, ['kms:Decrypt'], [on.data]),
    // The parts of a multi-part upload are decrypted again when they are put together.
    ...throughS3(
      'UseKeyForLedgerAndResults',
      keys,
      ['kms:Decrypt', 'kms:GenerateDataKey'],
      [on.control, on.output],
    ),
  ];
}

/** Every function: its own log … */
export function writeOwnLog(log: HasArn): Statement {
  return allow('WriteOwnLog', ['logs:CreateLogStream', 'logs:PutLogEvents'], [`${log.arn}:*`]);
}

/** … and the queue for events that it could not handle. */
export function keepFailures(queue: HasArn): Statement {
  return allow('KeepFailures', ['sqs:SendMessage'], [queue.arn]);
}

/** A bucket's policy: nobody, whatever else they may, without TLS. */
export function onlyOverTls(bucket: HasArn): string {
  return policy([
    {
      Sid: 'OnlyOverTls',
      Effect: 'Deny',
      Principal: '*',
      Action: ['s3:*'],
      Resource: [bucket.arn, `${bucket.arn}/*`],
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    },
  ]);
}

/** A role's trust policy: only this service may take the role on. */
export function assumableBy(service: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
  });
}

export function policy(statements: readonly Statement[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

/** 64 digits. */
const ANY_JOB = '?'.repeat(64);
const RECEIPTS = `results/*/${ANY_JOB}/receipt.json`;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html */
const onlyCreate: Condition = { Null: { 's3:if-none-match': 'false' } };

/**
 * Of what AWS's policy AmazonSSMManagedInstanceCore allows, what Run Command and Session Manager need. Not ssm:GetParameter
 * and ssm:GetDocument: they would let a model read every parameter and document of the account. Nor what State Manager,
 * Patch Manager, Inventory and Distributor need, which a pipeline has no use for.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-getting-started-instance-profile.html
 */
function systemsManagerAgent(instances: string): Statement[] {
  return [
    // Its own instance does not exist yet when the role is made.
    allow('ReportToSystemsManager', ['ssm:UpdateInstanceInformation'], [instances]),
    // The channels know no resources.
    allow(
      'SystemsManagerChannels',
      [
        'ssmmessages:CreateControlChannel',
        'ssmmessages:CreateDataChannel',
        'ssmmessages:OpenControlChannel',
        'ssmmessages:OpenDataChannel',
        'ec2messages:AcknowledgeMessage',
        'ec2messages:DeleteMessage',
        'ec2messages:FailMessage',
        'ec2messages:GetEndpoint',
        'ec2messages:GetMessages',
        'ec2messages:SendReply',
      ],
      ['*'],
    ),
  ];
}

/**
 * S3 tells KMS what it wants the key for: the bucket, where the bucket has a key of its own, else the object.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
 */
function throughS3(
  sid: string,
  { storage, region }: Keys,
  actions: readonly string[],
  buckets: readonly HasArn[],
): Statement[] {
  if (storage === undefined) return [];
  return [
    allow(sid, actions, [storage], {
      StringEquals: { 'kms:ViaService': `s3.${region}.amazonaws.com` },
      StringLike: { 'kms:EncryptionContext:aws:s3:arn': buckets.flatMap(({ arn }) => [arn, `${arn}/*`]) },
    }),
  ];
}

/**
 * Whoever starts an instance lends EC2 the use of its disk's key. Without this a start is accepted, and a moment later the
 * instance is stopped again. https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
 */
function attachEncryptedDisk({ disk, region }: Keys): Statement[] {
  if (disk === undefined) return [];
  return [
    allow('LendDiskKeyToEc2', ['kms:CreateGrant'], [disk], {
      Bool: { 'kms:GrantIsForAWSResource': 'true' },
      StringEquals: { 'kms:ViaService': `ec2.${region}.amazonaws.com` },
    }),
  ];
}

/**
 * The agent first creates the log group that it writes to, and takes "is there already" for an answer; refused, it would
 * send nothing. https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-rc-setting-up-cwlogs.html
 */
function sendOutputTo(log: HasArn): Statement {
  return allow(
    'SendDrainOutput',
    ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
    [log.arn, `${log.arn}:*`],
  );
}

/** Knows no resources either. */
const describeInstances = allow('DescribeInstances', ['ec2:DescribeInstances'], ['*']);

function seeReceipts(output: HasArn): Statement {
  return objects('SeeReceipts', output, ['s3:GetObject'], [RECEIPTS]);
}

/** A job is admitted once: its record can be created, never changed. */
function admit(control: HasArn): Statement {
  return objects('AdmitJobs', control, ['s3:PutObject'], ['open/*'], onlyCreate);
}

function onOwnInstance(
  sid: string,
  on: { readonly pipeline: string; readonly instance: HasArn },
  actions: readonly string[],
): Statement {
  return allow(sid, actions, [on.instance.arn], {
    StringEquals: { 'aws:ResourceTag/lamplighter:pipeline': on.pipeline },
  });
}

/** The tag lamplighter:pipeline, which the conditions rest on, is not among the keys that anybody may write. */
function tagOwnInstance(
  on: { readonly pipeline: string; readonly instance: HasArn },
  keys: readonly string[],
): Statement {
  return allow('TagInstance', ['ec2:CreateTags'], [on.instance.arn], {
    StringEquals: { 'aws:ResourceTag/lamplighter:pipeline': on.pipeline },
    'ForAllValues:StringEquals': { 'aws:TagKeys': keys },
    Null: { 'aws:TagKeys': 'false' },
  });
}

function invoke(target: HasArn): Statement {
  return allow('InvokeWorker', ['lambda:InvokeFunction'], [target.arn]);
}

/**
 * Lists below some prefixes. It also makes S3 answer 404, not 403, for a missing object; that check carries no prefix,
 * hence IfExists. https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
 */
function list(sid: string, bucket: HasArn, prefixes: readonly string[]): Statement {
  return allow(sid, ['s3:ListBucket'], [bucket.arn], { StringLikeIfExists: { 's3:prefix': prefixes } });
}

function objects(
  sid: string,
  bucket: HasArn,
  actions: readonly string[],
  keys: readonly string[],
  condition?: Condition,
): Statement {
  return allow(
    sid,
    actions,
    keys.map((key) => `${bucket.arn}/${key}`),
    condition,
  );
}

function allow(
  sid: string,
  actions: readonly string[],
  resources: readonly string[],
  condition?: Condition,
): Statement {
  return {
    Sid: sid,
    Effect: 'Allow',
    Action: actions,
    Resource: resources,
    ...(condition === undefined ? {} : { Condition: condition }),
  };
}

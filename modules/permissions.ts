/*
 * Every IAM statement of a pipeline. No other file grants anything. The order: each role's permissions, the roles' use of KMS
 * keys, the statements of every function, the bucket policy. The helpers that build statements come last.
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

interface Owned {
  readonly pipeline: string;
  readonly instance: HasArn;
}

interface Ledger {
  readonly pipeline: string;
  readonly data: HasArn;
  readonly output: HasArn;
  readonly control: HasArn;
}

/** `phaseTag`: whether a tag of the instance shows the phase. */
interface Phased {
  readonly phaseTag: boolean;
}

/** The keys of the control bucket that trigger reads. */
const WOKEN_KEYS = [
  'gate.json',
  'wake.json',
  'orders.json',
  'capacity.json',
  'open/*',
  'claims/*',
  'stops/*',
];

/** trigger: looks for receipts, admits jobs, moves the gate, notes stops, starts the instance, invokes worker. */
export function triggerMay(on: Ledger & Owned & Phased & { readonly worker: HasArn }): Statement[] {
  return [
    seeReceipts(on.output),
    list('FindReceipts', on.output, ['results/*']),
    admit(on.control),
    noteStops(on.control),
    objects('ReadLedger', on.control, ['s3:GetObject'], WOKEN_KEYS),
    objects(
      'MoveGateAndRequestWake',
      on.control,
      ['s3:PutObject'],
      ['gate.json', 'wake.json', 'capacity.json'],
    ),
    list('ListLedger', on.control, WOKEN_KEYS),
    describeInstances,
    onOwnInstance('StartInstance', on, ['ec2:StartInstances']),
    ...(on.phaseTag ? [tagOwnInstance(on, ['lamplighter:phase'])] : []),
    invoke(on.worker),
  ];
}

/** worker: waits for the instance, and sends it only the pipeline's own document. */
export function workerMay(on: Owned & { readonly document: HasArn }): Statement[] {
  return [
    describeInstances,
    // These actions do not support resource-level permissions.
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
    allow('SeeCommands', ['ssm:DescribeInstanceInformation', 'ssm:ListCommands'], ['*']),
    allow('SendOnlyOurDocument', ['ssm:SendCommand'], [on.document.arn]),
    allow('OnlyToOwnInstance', ['ssm:SendCommand'], [on.instance.arn], {
      StringEquals: { 'ssm:resourceTag/lamplighter:pipeline': on.pipeline },
    }),
  ];
}

/** The keys of the control bucket that stop reads. */
const SETTLED_KEYS = [
  ...['gate.json', 'orders.json', 'capacity.json', 'audit.json'],
  ...['open/*', 'claims/*', 'status/*', 'sessions/*', 'stops/*'],
];

/** The keys of the control bucket that stop changes as a whole. */
const SETTLED_OBJECTS = ['gate.json', 'orders.json', 'capacity.json', 'audit.json'];

/** stop: settles the ledger, moves the gate, starts or stops the instance, and audits uploads against receipts. */
export function stopMay(on: Ledger & Owned & Phased & { readonly worker: HasArn }): Statement[] {
  return [
    seeReceipts(on.output),
    list('AuditReceipts', on.output, ['results/*']),
    // The version is part of a job's identity. stop does not read uploads.
    allow('AuditUploads', ['s3:ListBucketVersions'], [on.data.arn]),
    admit(on.control),
    noteStops(on.control),
    objects('ReadLedger', on.control, ['s3:GetObject'], SETTLED_KEYS),
    objects('MoveGateAndCursor', on.control, ['s3:PutObject'], SETTLED_OBJECTS),
    // The records of the instance's on-times, for bills.
    objects('KeepSessions', on.control, ['s3:PutObject'], ['sessions/*']),
    objects('CloseJobs', on.control, ['s3:DeleteObject'], ['open/*']),
    list('ListLedger', on.control, SETTLED_KEYS),
    describeInstances,
    onOwnInstance('StartAndStopInstance', on, ['ec2:StartInstances', 'ec2:StopInstances']),
    tagOwnInstance(on, [...(on.phaseTag ? ['lamplighter:phase'] : []), 'lamplighter:pause']),
    invoke(on.worker),
  ];
}

/**
 * The instance: reads uploads, models and the runner, writes claims, ended attempts, progress and results. No EC2 actions, no
 * tags.
 */
export function instanceMay(
  on: Ledger & { readonly instances: string; readonly drainLog: HasArn },
): Statement[] {
  const keepRecords = ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'];
  const results = `results/*/${ANY_JOB}/attempt-*/*`;
  return [
    ...systemsManagerAgent(on.instances),
    sendOutputTo(on.drainLog),
    // The instance reads uploads, models and the runner by version, which is a separate permission.
    objects('ReadUploads', on.data, ['s3:GetObjectVersion'], ['*']),
    // Without this statement S3 answers 403 instead of 404 for an upload that has been deleted.
    list('MissUploads', on.data, ['*']),
    objects('ReadModelsAndRunner', on.control, ['s3:GetObjectVersion'], ['models/*', 'runner/*']),
    objects('ReadGate', on.control, ['s3:GetObject'], ['gate.json']),
    objects('EndJobs', on.control, ['s3:GetObject', 's3:DeleteObject'], ['open/*']),
    objects('ClaimAndReport', on.control, keepRecords, ['claims/*', 'attempts/*', 'status/*']),
    // Why the instance stopped. The instance cannot write it: a model that kills machines must not explain their deaths.
    objects('ReadStops', on.control, ['s3:GetObject'], ['stops/*']),
    list('ListLedger', on.control, ['gate.json', 'open/*', 'claims/*', 'attempts/*', 'status/*', 'stops/*']),
    objects('WriteResults', on.output, ['s3:PutObject', 's3:AbortMultipartUpload'], [results]),
    objects('CreateReceipts', on.output, ['s3:PutObject'], [RECEIPTS], onlyCreate),
    // An upload's key may look like an attempt's folder, and WriteResults would then let the instance replace a receipt.
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

/** The user's own KMS keys. Without a key there is nothing to grant. */
export interface Keys {
  readonly region: string;
  /** The key of the buckets. */
  readonly storage?: string | undefined;
  /** Earlier keys of the buckets. Objects that were written with them stay encrypted with them. */
  readonly formerStorage: readonly string[];
  /** The key of the disk. */
  readonly disk?: string | undefined;
}

const decryptAndEncrypt = ['kms:Decrypt', 'kms:GenerateDataKey'];

/** trigger and stop: the ledger's objects through S3, and, when they start the instance, the disk through EC2. */
export function ledgerFunctionMayUse(keys: Keys, on: Ledger): Statement[] {
  return [
    ...throughS3('DecryptReceipts', keys, ['kms:Decrypt'], [on.output]),
    ...throughS3('UseKeyForLedger', keys, decryptAndEncrypt, [on.control]),
    ...decryptFormer(keys, [on.output, on.control]),
    ...attachEncryptedDisk(keys),
  ];
}

/** The instance: decrypts objects that it reads, and encrypts objects that it writes. EC2 decrypts its disk. */
export function instanceMayUse(keys: Keys, on: Ledger): Statement[] {
  return [
    ...throughS3('DecryptUploads', keys, ['kms:Decrypt'], [on.data]),
    // S3 decrypts the parts of a multipart upload to join them.
    ...throughS3('UseKeyForLedgerAndResults', keys, decryptAndEncrypt, [on.control, on.output]),
    ...decryptFormer(keys, [on.data, on.control, on.output]),
  ];
}

/** Every function: writes to its own log … */
export function writeOwnLog(log: HasArn): Statement {
  return allow('WriteOwnLog', ['logs:CreateLogStream', 'logs:PutLogEvents'], [`${log.arn}:*`]);
}

/** … and sends events that it failed to handle to the failures queue. */
export function keepFailures(queue: HasArn): Statement {
  return allow('KeepFailures', ['sqs:SendMessage'], [queue.arn]);
}

/** A bucket's policy: refuses every request without TLS, whatever other permissions the caller has. */
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

/** A role's trust policy: only this service may assume the role. */
export function assumableBy(service: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
  });
}

export function policy(statements: readonly Statement[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

/** Any job id: 64 characters. */
const ANY_JOB = '?'.repeat(64);
const RECEIPTS = `results/*/${ANY_JOB}/receipt.json`;

/**
 * Allows a write only if the object does not exist.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
 */
const onlyCreate: Condition = { Null: { 's3:if-none-match': 'false' } };

/**
 * The part of AWS's policy AmazonSSMManagedInstanceCore that Run Command and Session Manager need. ssm:GetParameter and
 * ssm:GetDocument are left out: they would let a model read every parameter and document of the account. The permissions of
 * State Manager, Patch Manager, Inventory and Distributor are left out, because a pipeline does not use these.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-getting-started-instance-profile.html
 */
function systemsManagerAgent(instances: string): Statement[] {
  return [
    // The role is created before the instance, so this statement cannot name the instance.
    allow('ReportToSystemsManager', ['ssm:UpdateInstanceInformation'], [instances]),
    // These actions do not support resource-level permissions.
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
 * S3 passes an encryption context to KMS: the bucket's ARN if the bucket has a bucket key, otherwise the object's ARN.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
 */
function throughS3(
  sid: string,
  { storage, region }: Pick<Keys, 'region'> & { readonly storage?: string | readonly string[] | undefined },
  actions: readonly string[],
  buckets: readonly HasArn[],
): Statement[] {
  const keys = [storage ?? []].flat();
  if (keys.length === 0) return [];
  return [
    allow(sid, actions, keys, {
      StringEquals: { 'kms:ViaService': `s3.${region}.amazonaws.com` },
      StringLike: { 'kms:EncryptionContext:aws:s3:arn': buckets.flatMap(({ arn }) => [arn, `${arn}/*`]) },
    }),
  ];
}

/** The gate, open records and pinned models stay encrypted with the key that they were written with. */
function decryptFormer({ region, formerStorage }: Keys, buckets: readonly HasArn[]): Statement[] {
  return throughS3('DecryptWithFormerKeys', { region, storage: formerStorage }, ['kms:Decrypt'], buckets);
}

/**
 * A role that starts an instance must let EC2 use the key of its disk. Without this grant EC2 accepts the start and stops
 * the instance a moment later. https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
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
 * The SSM agent first creates the log group, and ignores the error that the group exists already. If AWS refuses the
 * creation, the agent sends no output. https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-rc-setting-up-cwlogs.html
 */
function sendOutputTo(log: HasArn): Statement {
  return allow(
    'SendDrainOutput',
    ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
    [log.arn, `${log.arn}:*`],
  );
}

/** This action does not support resource-level permissions. */
const describeInstances = allow('DescribeInstances', ['ec2:DescribeInstances'], ['*']);

function seeReceipts(output: HasArn): Statement {
  return objects('SeeReceipts', output, ['s3:GetObject'], [RECEIPTS]);
}

/** Admission of a job: its record can be created, but never changed. */
function admit(control: HasArn): Statement {
  return objects('AdmitJobs', control, ['s3:PutObject'], ['open/*'], onlyCreate);
}

/** Why the instance stopped after a launch: the first note stays. */
function noteStops(control: HasArn): Statement {
  return objects('NoteStops', control, ['s3:PutObject'], ['stops/*'], onlyCreate);
}

function onOwnInstance(sid: string, on: Owned, actions: readonly string[], more?: Condition): Statement {
  const ownTag = { 'aws:ResourceTag/lamplighter:pipeline': on.pipeline };
  return allow(sid, actions, [on.instance.arn], { StringEquals: ownTag, ...more });
}

/** No role may write the tag lamplighter:pipeline, because the conditions depend on it. */
function tagOwnInstance(on: Owned, keys: readonly string[]): Statement {
  return onOwnInstance('TagInstance', on, ['ec2:CreateTags'], {
    'ForAllValues:StringEquals': { 'aws:TagKeys': keys },
    Null: { 'aws:TagKeys': 'false' },
  });
}

function invoke(target: HasArn): Statement {
  return allow('InvokeWorker', ['lambda:InvokeFunction'], [target.arn]);
}

/**
 * Lists objects below some prefixes. With this permission S3 also answers 404 instead of 403 for a missing object. That
 * check has no prefix, hence IfExists. https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
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
  const arns = keys.map((key) => `${bucket.arn}/${key}`);
  return allow(sid, actions, arns, condition);
}

function allow(
  sid: string,
  actions: readonly string[],
  resources: readonly string[],
  condition?: Condition,
): Statement {
  const statement = { Sid: sid, Effect: 'Allow', Action: actions, Resource: resources } as const;
  return condition === undefined ? statement : { ...statement, Condition: condition };
}

import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group';
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity';
import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition';
import type { Instance } from '@cdktf/provider-aws/lib/instance';
import { SqsQueue } from '@cdktf/provider-aws/lib/sqs-queue';
import type { SsmDocument } from '@cdktf/provider-aws/lib/ssm-document';
import { SsmParameter } from '@cdktf/provider-aws/lib/ssm-parameter';
import { TerraformOutput } from 'cdktf';
import { Construct } from 'constructs';
import { manifestParameterName, type Manifest } from '../lifecycle/manifest';
import { boundsOf, type DeployedModel } from '../lifecycle/model';
import { LEASE_SECONDS } from '../lifecycle/records';
import { Alarms } from './alarms';
import { hashed, type Bundles, type HandlerName } from './bundle';
import { ControlObject } from './control-object';
import { Dashboard } from './dashboard';
import { makeDrainDocument } from './drain-document';
import { MEMORY_MIB } from './function-memory';
import type { ModelFolder } from './model-folder';
import { existingNetwork, ownNetwork, type InstanceNetwork } from './network';
import {
  instanceMay,
  instanceMayUse,
  ledgerFunctionMayUse,
  stopMay,
  triggerMay,
  workerMay,
  type Keys,
} from './permissions';
import { routeEventsToStop } from './pipeline-events';
import { PipelineFunction, type PipelineFunctionProps } from './pipeline-function';
import { pipelineInstance } from './pipeline-instance';
import { PipelineStack } from './pipeline-stack';
import { PrivateBucket, type Expiry } from './private-bucket';
import type { PipelineSettings } from './settings';
import { literal } from './terraform-text';

export interface PipelineProps {
  readonly settings: PipelineSettings;
  readonly bundles: Bundles;
}

/**
 * One pipeline. The constructor follows a file from its upload to its receipt:
 *
 *     upload ──▶ data bucket ──▶ trigger ──▶ worker ──▶ drain, on the instance
 *                                                         │
 *     stop ◀── output bucket ◀── results, then receipt ◀──┘
 */
export class Pipeline extends PipelineStack {
  private readonly settings: PipelineSettings;
  private readonly bundles: Bundles;
  private readonly accountId: string;

  constructor(scope: Construct, { settings, bundles }: PipelineProps) {
    super(scope, settings);
    this.settings = settings;
    this.bundles = bundles;
    this.accountId = new DataAwsCallerIdentity(this, 'current', {}).accountId;

    const buckets = this.makeBuckets();
    const models = settings.models.map((folder) => this.uploadModel(folder, buckets));
    const machine = this.makeMachine(buckets);
    const functions = this.makeFunctions(buckets, machine, models);
    buckets.data.notifyOnCreate(functions.trigger);
    const receipts = { filterPrefix: 'results/', filterSuffix: '/receipt.json' };
    buckets.output.notifyOnCreate(functions.stop, receipts);
    const { name: pipeline, sweepMinutes } = settings;
    routeEventsToStop(this, { pipeline, sweepMinutes, ...machine, ...functions });
    if (settings.alarms) this.makeAlarms(machine, functions);
    this.publish(buckets, machine, functions, models);
  }

  private makeBuckets(): Buckets {
    return {
      data: this.makeBucket('data', [{ id: 'overwritten-uploads', noncurrentDays: 90 }]),
      output: this.makeBucket('output', [{ id: 'overwritten-results', noncurrentDays: 90 }]),
      control: this.makeBucket('control', ledgerExpiry),
    };
  }

  private makeBucket(kind: keyof Buckets, expiry: readonly Expiry[]): PrivateBucket {
    const { name, region, disposable, kmsKeyArn } = this.settings;
    return new PrivateBucket(this, kind, {
      // Bucket names are global, so they contain the account's number.
      bucketName: `${name}-${kind}-${this.accountId}-${region}`,
      disposable,
      kmsKeyArn,
      expiry,
    });
  }

  private uploadModel({ card, digest, zip }: ModelFolder, { control }: Buckets): DeployedModel {
    const object = new ControlObject(this, `model_${card.name}`, {
      bucket: control,
      key: `models/${card.name}/model.zip`,
      contentType: 'application/zip',
      bundle: hashed(zip),
    });
    return {
      name: card.name,
      digest,
      zipKey: object.key,
      zipVersionId: object.versionId,
      prefix: literal(card.takes.prefix),
      suffixes: card.takes.suffixes.map(literal),
      ...boundsOf(card),
    };
  }

  /** The instance, the log of its drains, and the document that starts a drain. */
  private makeMachine(buckets: Buckets): Machine {
    const { settings } = this;
    const { name: pipeline } = settings;
    const drainLog = new CloudwatchLogGroup(this, 'drain-log', {
      name: `/lamplighter/${pipeline}/drain`,
      retentionInDays: settings.logRetentionDays,
      ...(settings.kmsKeyArn !== undefined && { kmsKeyId: settings.kmsKeyArn }),
    });
    const keys = encryptionKeys(settings);
    const ledger = { pipeline, ...buckets };
    const instance = pipelineInstance(new Construct(this, 'instance'), {
      settings,
      network: this.makeNetwork(),
      diskKmsKeyArn: keys.disk,
      permissions: [
        ...instanceMay({ ...ledger, instances: this.anyInstanceArn(), drainLog }),
        ...instanceMayUse(keys, ledger),
      ],
    });
    return { instance, drainLog, document: this.makeDocument(buckets) };
  }

  private makeNetwork(): InstanceNetwork {
    const { name: pipeline, vpcId, subnetIds } = this.settings;
    const subnetId = subnetIds?.[0];
    const scope = new Construct(this, 'network');
    if (vpcId === undefined || subnetId === undefined) return ownNetwork(scope, this.settings);
    return existingNetwork(scope, { pipeline, vpcId, subnetId });
  }

  /** Every instance of the account in the pipeline's region. */
  private anyInstanceArn(): string {
    const { partition } = new DataAwsPartition(this, 'partition', {});
    return `arn:${partition}:ec2:${this.settings.region}:${this.accountId}:instance/*`;
  }

  private makeDocument(buckets: Buckets): SsmDocument {
    const { lingerSeconds, idleShutdownMinutes } = this.settings;
    const { runner: bundle } = this.bundles;
    const names = this.names(buckets);
    const runner = new ControlObject(this, 'runner', {
      bucket: buckets.control,
      key: 'runner/runner.mjs',
      contentType: 'text/javascript',
      bundle,
    });
    return makeDrainDocument(new Construct(this, 'drain'), names.pipeline, {
      ...names,
      config: { version: 1, ...names, leaseSeconds: LEASE_SECONDS, lingerSeconds, idleShutdownMinutes },
      runnerKey: runner.key,
      runnerVersionId: runner.versionId,
      runnerSha256: bundle.sha256Hex,
    });
  }

  private makeFunctions(buckets: Buckets, machine: Machine, models: readonly DeployedModel[]): Functions {
    const { settings } = this;
    const { name: pipeline, phaseTag } = settings;
    const { instance, document, drainLog } = machine;
    const failures = new SqsQueue(this, 'failures', {
      name: failuresQueueName(settings),
      messageRetentionSeconds: 14 * 24 * 60 * 60,
      sqsManagedSseEnabled: true,
    });
    const worker = this.makeFunction('worker', failures, {
      environment: {
        LAMPLIGHTER_PIPELINE: pipeline,
        LAMPLIGHTER_INSTANCE_ID: instance.id,
        LAMPLIGHTER_DOCUMENT: document.name,
        LAMPLIGHTER_DRAIN_LOG_GROUP: drainLog.name,
        LAMPLIGHTER_TIME_LIMIT_SECONDS: String(TIME_LIMITS_SECONDS.worker),
      },
      permissions: workerMay({ pipeline, instance, document }),
    });

    const ledger = { pipeline, ...buckets };
    const keyPermissions = ledgerFunctionMayUse(encryptionKeys(settings), ledger);
    const environment = {
      LAMPLIGHTER_PIPELINE: pipeline,
      LAMPLIGHTER_DATA_BUCKET: buckets.data.bucketName,
      LAMPLIGHTER_OUTPUT_BUCKET: buckets.output.bucketName,
      LAMPLIGHTER_CONTROL_BUCKET: buckets.control.bucketName,
      LAMPLIGHTER_INSTANCE_ID: instance.id,
      LAMPLIGHTER_WORKER_FUNCTION: worker.plainName,
      LAMPLIGHTER_MODELS: JSON.stringify(models),
      ...(!phaseTag && { LAMPLIGHTER_PHASE_TAG: 'off' }),
    };
    const trigger = this.makeFunction('trigger', failures, {
      environment,
      permissions: [...triggerMay({ ...ledger, instance, worker, phaseTag }), ...keyPermissions],
    });
    const stop = this.makeFunction('stop', failures, {
      environment: { ...environment, ...stopEnvironment(settings) },
      permissions: [...stopMay({ ...ledger, instance, worker, phaseTag }), ...keyPermissions],
    });
    return { trigger, worker, stop };
  }

  private makeFunction(
    name: HandlerName,
    failures: SqsQueue,
    props: Pick<PipelineFunctionProps, 'environment' | 'permissions'>,
  ): PipelineFunction {
    const { settings } = this;
    return new PipelineFunction(this, name, {
      ...props,
      pipeline: settings.name,
      accountId: this.accountId,
      bundle: this.bundles.handlers[name],
      memoryMib: MEMORY_MIB[name],
      timeLimitSeconds: TIME_LIMITS_SECONDS[name],
      logRetentionDays: settings.logRetentionDays,
      kmsKeyArn: settings.kmsKeyArn,
      failures,
    });
  }

  private makeAlarms({ instance }: Machine, { trigger, worker, stop }: Functions): void {
    const { name: pipeline, region, sweepMinutes, alarmEmails: emails } = this.settings;
    const functions = [trigger.plainName, worker.plainName, stop.plainName];
    const watched = { pipeline, functions, failuresQueue: failuresQueueName(this.settings) };
    const { arns: alarmArns } = new Alarms(this, 'alarms', { ...watched, sweepMinutes, emails });
    new Dashboard(this, 'dashboard', { ...watched, region, instanceId: instance.id, alarmArns });
  }

  /** The manifest as an SSM parameter, for the command line, and Terraform's outputs, for people. */
  private publish(
    buckets: Buckets,
    { instance, document, drainLog }: Machine,
    { trigger, worker, stop }: Functions,
    models: DeployedModel[],
  ): void {
    const { settings } = this;
    const manifest: Manifest = {
      version: 1,
      ...this.names(buckets),
      instanceId: instance.id,
      functions: { trigger: trigger.functionName, worker: worker.functionName, stop: stop.functionName },
      document: document.name,
      failuresQueue: failuresQueueName(settings),
      drainLogGroup: drainLog.name,
      sweepMinutes: settings.sweepMinutes,
      stopTimeLimitSeconds: TIME_LIMITS_SECONDS.stop,
      lingerSeconds: settings.lingerSeconds,
      breakerWakeUps: settings.breakerWakeUps,
      models,
    };
    const parameter = new SsmParameter(this, 'manifest', {
      name: manifestParameterName(manifest.pipeline),
      description: 'The names of the parts of this Lamplighter pipeline',
      type: 'String',
      insecureValue: JSON.stringify(manifest),
    });
    this.output('data_bucket', 'Upload here', manifest.dataBucket);
    this.output('output_bucket', 'Results and receipts appear here', manifest.outputBucket);
    this.output('control_bucket', 'The ledger; for Lamplighter only', manifest.controlBucket);
    this.output('instance_id', 'The instance that runs the models', manifest.instanceId);
    this.output('manifest_parameter', 'The SSM parameter with the names of all parts', parameter.name);
  }

  private output(name: string, description: string, value: string): void {
    new TerraformOutput(this, name, { value, description });
  }

  /** The names that the drain's config and the manifest share, in the manifest's order. */
  private names({ data, output, control }: Buckets) {
    return {
      pipeline: this.settings.name,
      region: this.settings.region,
      dataBucket: data.bucketName,
      outputBucket: output.bucketName,
      controlBucket: control.bucketName,
    };
  }
}

interface Buckets {
  readonly data: PrivateBucket;
  readonly output: PrivateBucket;
  readonly control: PrivateBucket;
}

interface Machine {
  readonly instance: Instance;
  readonly drainLog: CloudwatchLogGroup;
  readonly document: SsmDocument;
}

type Functions = Readonly<Record<HandlerName, PipelineFunction>>;

function encryptionKeys({ region, kmsKeyArn, formerKmsKeyArns, diskKmsKeyArn }: PipelineSettings): Keys {
  return { region, storage: kmsKeyArn, formerStorage: formerKmsKeyArns, disk: diskKmsKeyArn ?? kmsKeyArn };
}

function failuresQueueName({ name }: PipelineSettings): string {
  return `${name}-failures`;
}

/** The functions' time limits. worker waits for the instance's agent. */
const TIME_LIMITS_SECONDS: Readonly<Record<HandlerName, number>> = { trigger: 60, worker: 300, stop: 120 };

function stopEnvironment(settings: PipelineSettings): Record<string, string> {
  return {
    LAMPLIGHTER_TIME_LIMIT_SECONDS: String(TIME_LIMITS_SECONDS.stop),
    LAMPLIGHTER_BREAKER_WAKE_UPS: String(settings.breakerWakeUps),
    LAMPLIGHTER_LINGER_SECONDS: String(settings.lingerSeconds),
    ...(settings.spot && { LAMPLIGHTER_SPOT: 'true' }),
    LAMPLIGHTER_METRICS: settings.alarms ? 'on' : 'off',
  };
}

/** When the control bucket's objects expire. A job that was admitted before a deploy still needs the overwritten model. */
const ledgerExpiry: readonly Expiry[] = [
  // Each ended job leaves a delete marker below these prefixes until its versions expire, and each list walks over all of them.
  { id: 'open', prefix: 'open/', noncurrentDays: 3 },
  // A job may wait in a paused pipeline for longer than any period. Its claim and its ended attempts count its attempts.
  { id: 'claims', prefix: 'claims/', noncurrentDays: 3 },
  { id: 'attempts', prefix: 'attempts/', noncurrentDays: 3 },
  // The drain of the next launch reads why the instance stopped.
  { id: 'stops', prefix: 'stops/', days: 30, noncurrentDays: 1 },
  { id: 'status', prefix: 'status/', days: 30, noncurrentDays: 1 },
  // Bills of one year, and one more month to ask for them.
  { id: 'sessions', prefix: 'sessions/', days: 400, noncurrentDays: 30 },
  { id: 'gate', prefix: 'gate.json', noncurrentDays: 30 },
  { id: 'orders', prefix: 'orders.json', noncurrentDays: 30 },
  { id: 'wake', prefix: 'wake.json', noncurrentDays: 1 },
  { id: 'capacity', prefix: 'capacity.json', noncurrentDays: 30 },
  { id: 'audit', prefix: 'audit.json', noncurrentDays: 1 },
  { id: 'models', prefix: 'models/', noncurrentDays: 365 },
  { id: 'runner', prefix: 'runner/', noncurrentDays: 365 },
];

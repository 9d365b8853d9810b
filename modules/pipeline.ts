import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group';
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity';
import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition';
import { SqsQueue } from '@cdktf/provider-aws/lib/sqs-queue';
import { SsmParameter } from '@cdktf/provider-aws/lib/ssm-parameter';
import { TerraformOutput } from 'cdktf';
import type { Construct } from 'constructs';
import { manifestParameterName, type Manifest } from '../lifecycle/manifest';
import type { DeployedModel } from '../lifecycle/model';
import { Alarms } from './alarms';
import { hashed, type Bundles, type HandlerName } from './bundle';
import { ControlObject } from './control-object';
import { Dashboard } from './dashboard';
import { DrainDocument } from './drain-document';
import { ExistingNetwork } from './existing-network';
import type { ModelFolder } from './model-folder';
import { Network, type InstanceNetwork } from './network';
import {
  instanceMay,
  instanceMayUse,
  ledgerFunctionMayUse,
  stopMay,
  triggerMay,
  workerMay,
  type Keys,
} from './permissions';
import { setPermissionsBoundary } from './permissions-boundary';
import { routeEventsToStop } from './pipeline-events';
import { PipelineFunction, type PipelineFunctionProps } from './pipeline-function';
import { PipelineInstance } from './pipeline-instance';
import { PipelineStack, type RemoteState } from './pipeline-stack';
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
    super(scope, settings.name, {
      region: settings.region,
      tags: { Project: 'lamplighter', ...settings.tags },
      accountId: settings.accountId,
      deployRoleArn: settings.deployRoleArn,
      state: remoteState(settings),
    });
    this.settings = settings;
    this.bundles = bundles;
    this.accountId = new DataAwsCallerIdentity(this, 'current', {}).accountId;
    if (settings.permissionsBoundaryArn !== undefined)
      setPermissionsBoundary(this, settings.permissionsBoundaryArn);

    const buckets = this.makeBuckets();
    const models = settings.models.map((folder) => this.uploadModel(folder, buckets));
    const machine = this.makeMachine(buckets);
    const functions = this.makeFunctions(buckets, machine, models);
    buckets.data.notifyOnCreate(functions.trigger);
    buckets.output.notifyOnCreate(functions.stop, { prefix: 'results/', suffix: '/receipt.json' });
    routeEventsToStop(this, {
      pipeline: settings.name,
      sweepMinutes: settings.sweepMinutes,
      instance: machine.instance,
      document: machine.document,
      stop: functions.stop,
    });
    if (settings.alarms) this.makeAlarms(machine, functions);
    this.publish(buckets, this.manifest(buckets, machine, functions, models));
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
    };
  }

  /** The instance, the log of its drains, and the document that starts a drain. */
  private makeMachine(buckets: Buckets): Machine {
    const { settings } = this;
    const { name: pipeline } = settings;
    const drainLog = new CloudwatchLogGroup(this, 'drain-log', {
      name: `/lamplighter/${pipeline}/drain`,
      retentionInDays: settings.logRetentionDays,
      ...(settings.kmsKeyArn === undefined ? {} : { kmsKeyId: settings.kmsKeyArn }),
    });
    const keys = encryptionKeys(settings);
    const ledger = { pipeline, ...buckets };
    const instance = new PipelineInstance(this, 'instance', {
      ...settings,
      pipeline,
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
    const { name: pipeline, vpcId, subnetIds, ...settings } = this.settings;
    const subnetId = subnetIds?.[0];
    if (vpcId !== undefined && subnetId !== undefined) {
      return new ExistingNetwork(this, 'network', { pipeline, vpcId, subnetId });
    }
    return new Network(this, 'network', {
      pipeline,
      region: settings.region,
      cidr: settings.networkCidr,
      availabilityZone: settings.availabilityZone,
      privateEndpoints: settings.privateNetwork ? settings.privateEndpoints : undefined,
    });
  }

  /** Every instance of the account in the pipeline's region. */
  private anyInstanceArn(): string {
    const { partition } = new DataAwsPartition(this, 'partition', {});
    return `arn:${partition}:ec2:${this.settings.region}:${this.accountId}:instance/*`;
  }

  private makeDocument(buckets: Buckets): DrainDocument {
    const { leaseSeconds, idleShutdownMinutes } = this.settings;
    const { runner: bundle } = this.bundles;
    const names = this.names(buckets);
    const runner = new ControlObject(this, 'runner', {
      bucket: buckets.control,
      key: 'runner/runner.mjs',
      contentType: 'text/javascript',
      bundle,
    });
    return new DrainDocument(this, 'drain', {
      ...names,
      config: { version: 1, ...names, leaseSeconds, idleShutdownMinutes },
      runnerKey: runner.key,
      runnerVersionId: runner.versionId,
      runnerSha256: bundle.sha256Hex,
    });
  }

  private makeFunctions(buckets: Buckets, machine: Machine, models: readonly DeployedModel[]): Functions {
    const { settings } = this;
    const { name: pipeline } = settings;
    const { instance, document, drainLog } = machine;
    const limits = timeLimitsSeconds(settings);
    const failures = new SqsQueue(this, 'failures', {
      name: failuresQueueName(settings),
      messageRetentionSeconds: 14 * 24 * 60 * 60,
      sqsManagedSseEnabled: true,
    });
    const worker = this.makeFunction('worker', failures, {
      environment: {
        LAMPLIGHTER_PIPELINE: pipeline,
        LAMPLIGHTER_INSTANCE_ID: instance.instanceId,
        LAMPLIGHTER_DOCUMENT: document.documentName,
        LAMPLIGHTER_DRAIN_LOG_GROUP: drainLog.name,
        LAMPLIGHTER_TIME_LIMIT_SECONDS: String(limits.worker),
      },
      permissions: workerMay({ pipeline, instance, document }),
    });

    const ledger = { pipeline, ...buckets };
    const keyPermissions = ledgerFunctionMayUse(encryptionKeys(settings), ledger);
    const environment = {
      ...ledgerEnvironment(this.names(buckets)),
      LAMPLIGHTER_INSTANCE_ID: instance.instanceId,
      LAMPLIGHTER_WORKER_FUNCTION: worker.plainName,
      LAMPLIGHTER_MODELS: JSON.stringify(models),
    };
    const trigger = this.makeFunction('trigger', failures, {
      environment,
      permissions: [...triggerMay({ ...ledger, instance, worker }), ...keyPermissions],
    });
    const stop = this.makeFunction('stop', failures, {
      environment: { ...environment, ...stopEnvironment(settings) },
      permissions: [...stopMay({ ...ledger, instance, worker }), ...keyPermissions],
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
      timeLimitSeconds: timeLimitsSeconds(settings)[name],
      logRetentionDays: settings.logRetentionDays,
      kmsKeyArn: settings.kmsKeyArn,
      failures,
    });
  }

  private makeAlarms({ instance }: Machine, { trigger, worker, stop }: Functions): void {
    const { settings } = this;
    const watched = {
      pipeline: settings.name,
      region: settings.region,
      sweepMinutes: settings.sweepMinutes,
      failuresQueue: failuresQueueName(settings),
      functions: [trigger.plainName, worker.plainName, stop.plainName],
    };
    const alarms = new Alarms(this, 'alarms', { ...watched, emails: settings.alarmEmails });
    new Dashboard(this, 'dashboard', {
      ...watched,
      instanceId: instance.instanceId,
      alarmArns: alarms.arns,
    });
  }

  /** The names of the pipeline's parts, for the command line. */
  private manifest(
    buckets: Buckets,
    { instance, document, drainLog }: Machine,
    { trigger, worker, stop }: Functions,
    models: DeployedModel[],
  ): Manifest {
    const { settings } = this;
    return {
      version: 1,
      ...this.names(buckets),
      instanceId: instance.instanceId,
      functions: { trigger: trigger.functionName, worker: worker.functionName, stop: stop.functionName },
      document: document.documentName,
      failuresQueue: failuresQueueName(settings),
      drainLogGroup: drainLog.name,
      sweepMinutes: settings.sweepMinutes,
      stopTimeLimitSeconds: timeLimitsSeconds(settings).stop,
      lingerSeconds: settings.lingerSeconds,
      breakerWakeUps: settings.breakerWakeUps,
      models,
    };
  }

  /** The manifest as an SSM parameter, for the command line, and Terraform's outputs, for people. */
  private publish({ data, output, control }: Buckets, manifest: Manifest): void {
    const parameter = new SsmParameter(this, 'manifest', {
      name: manifestParameterName(manifest.pipeline),
      description: 'The names of the parts of this Lamplighter pipeline',
      type: 'String',
      insecureValue: JSON.stringify(manifest),
    });
    this.output('data_bucket', 'Upload here', data.bucketName);
    this.output('output_bucket', 'Results and receipts appear here', output.bucketName);
    this.output('control_bucket', 'The ledger; for Lamplighter only', control.bucketName);
    this.output('instance_id', 'The instance that runs the models', manifest.instanceId);
    this.output('manifest_parameter', 'The SSM parameter with the names of all parts', parameter.name);
  }

  private output(name: string, description: string, value: string): void {
    new TerraformOutput(this, name, { value, description });
  }

  /** The names that the drain's config, the functions' environments and the manifest share, in the manifest's order. */
  private names({ data, output, control }: Buckets): Names {
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
  readonly instance: PipelineInstance;
  readonly drainLog: CloudwatchLogGroup;
  readonly document: DrainDocument;
}

type Functions = Readonly<Record<HandlerName, PipelineFunction>>;

type Names = Pick<Manifest, 'pipeline' | 'region' | 'dataBucket' | 'outputBucket' | 'controlBucket'>;

function remoteState({ name, region, state }: PipelineSettings): RemoteState | undefined {
  if (state === undefined) return undefined;
  return { ...state, key: state.key ?? `lamplighter/${name}.tfstate`, region: state.region ?? region };
}

function encryptionKeys({ region, kmsKeyArn, diskKmsKeyArn }: PipelineSettings): Keys {
  return { region, storage: kmsKeyArn, disk: diskKmsKeyArn ?? kmsKeyArn };
}

function failuresQueueName({ name }: PipelineSettings): string {
  return `${name}-failures`;
}

/** The functions' time limits. worker waits for the instance's agent, and stop sleeps for up to `lingerSeconds`. */
function timeLimitsSeconds({ lingerSeconds }: PipelineSettings): Readonly<Record<HandlerName, number>> {
  return { trigger: 60, worker: 300, stop: 120 + lingerSeconds };
}

function ledgerEnvironment({ pipeline, dataBucket, outputBucket, controlBucket }: Names) {
  return {
    LAMPLIGHTER_PIPELINE: pipeline,
    LAMPLIGHTER_DATA_BUCKET: dataBucket,
    LAMPLIGHTER_OUTPUT_BUCKET: outputBucket,
    LAMPLIGHTER_CONTROL_BUCKET: controlBucket,
  };
}

function stopEnvironment(settings: PipelineSettings): Record<string, string> {
  return {
    LAMPLIGHTER_TIME_LIMIT_SECONDS: String(timeLimitsSeconds(settings).stop),
    LAMPLIGHTER_BREAKER_WAKE_UPS: String(settings.breakerWakeUps),
    LAMPLIGHTER_LINGER_SECONDS: String(settings.lingerSeconds),
    ...(settings.spot ? { LAMPLIGHTER_SPOT: 'true' } : {}),
    LAMPLIGHTER_METRICS: settings.alarms ? 'on' : 'off',
  };
}

/** When the control bucket's objects expire. A job that was admitted before a deploy still needs the overwritten model. */
const ledgerExpiry: readonly Expiry[] = [
  { id: 'open', prefix: 'open/', noncurrentDays: 30 },
  // If the machine dies just before a job's end, the claim of a finished job may remain.
  { id: 'claims', prefix: 'claims/', days: 30, noncurrentDays: 30 },
  { id: 'status', prefix: 'status/', days: 30, noncurrentDays: 1 },
  // Bills of one year, and one more month to ask for them.
  { id: 'sessions', prefix: 'sessions/', days: 400, noncurrentDays: 30 },
  { id: 'gate', prefix: 'gate.json', noncurrentDays: 30 },
  { id: 'audit', prefix: 'audit.json', noncurrentDays: 1 },
  { id: 'models', prefix: 'models/', noncurrentDays: 365 },
  { id: 'runner', prefix: 'runner/', noncurrentDays: 365 },
];

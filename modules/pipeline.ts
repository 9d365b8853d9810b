import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group';
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity';
import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition';
import { SqsQueue } from '@cdktf/provider-aws/lib/sqs-queue';
import { SsmParameter } from '@cdktf/provider-aws/lib/ssm-parameter';
import { TerraformOutput } from 'cdktf';
import type { Construct } from 'constructs';
import { ENDED_COMMAND_STATUSES } from '../lifecycle/command-status';
import { manifestParameterName, type Manifest } from '../lifecycle/manifest';
import type { DeployedModel } from '../lifecycle/model';
import { Alarms } from './alarms';
import { hashed, type Bundles, type HandlerName } from './bundle';
import { ControlObject } from './control-object';
import { Dashboard } from './dashboard';
import { DrainDocument } from './drain-document';
import { EventRoute } from './event-route';
import { ExistingNetwork } from './existing-network';
import type { ModelFolder } from './model-folder';
import { Network, type Place } from './network';
import {
  instanceMay,
  instanceMayUse,
  ledgerFunctionMayUse,
  stopMay,
  triggerMay,
  workerMay,
  type Statement,
} from './permissions';
import { boundRoles } from './permissions-boundary';
import { PipelineFunction } from './pipeline-function';
import { PipelineInstance } from './pipeline-instance';
import { PipelineStack, type RemoteState } from './pipeline-stack';
import { PrivateBucket, type Expiry } from './private-bucket';
import type { PipelineSettings } from './settings';
import { literal } from './terraform-text';

export interface PipelineProps {
  readonly settings: PipelineSettings;
  readonly bundles: Bundles;
}

/** trigger and stop make a handful of calls; worker waits for the instance's agent to report. */
const TIME_LIMIT_SECONDS = { trigger: 60, worker: 300, stop: 120 } as const;

/**
 * One pipeline, read from top to bottom as a file travels:
 *
 *     upload ──▶ data bucket ──▶ trigger ──▶ worker ──▶ drain, on the instance
 *                                                         │
 *     stop ◀── output bucket ◀── results, then receipt ◀──┘
 */
export class Pipeline extends PipelineStack {
  private readonly settings: PipelineSettings;
  private readonly accountId: string;

  constructor(scope: Construct, { settings, bundles }: PipelineProps) {
    super(scope, settings.name, {
      region: settings.region,
      tags: { Project: 'lamplighter', ...settings.tags },
      accountId: settings.accountId,
      deployRoleArn: settings.deployRoleArn,
      state: remoteState(settings),
    });
    if (settings.permissionsBoundaryArn !== undefined) boundRoles(this, settings.permissionsBoundaryArn);
    this.settings = settings;
    this.accountId = new DataAwsCallerIdentity(this, 'current', {}).accountId;
    const pipeline = settings.name;

    // Where things are kept.
    const data = this.bucket('data', [{ id: 'overwritten-uploads', noncurrentDays: 90 }]);
    const output = this.bucket('output', [{ id: 'overwritten-results', noncurrentDays: 90 }]);
    const control = this.bucket('control', ledgerExpiry);
    const ledger = { pipeline, data, output, control };
    const keys = {
      region: settings.region,
      storage: settings.kmsKeyArn,
      disk: settings.diskKmsKeyArn ?? settings.kmsKeyArn,
    };

    // What the instance fetches.
    const models = settings.models.map((folder) => this.model(folder, control));
    const runner = new ControlObject(this, 'runner', {
      bucket: control,
      key: 'runner/runner.mjs',
      contentType: 'text/javascript',
      bundle: bundles.runner,
    });

    // The instance, what it is told to do, and where it says how that goes.
    const drainLog = new CloudwatchLogGroup(this, 'drain-log', {
      name: `/lamplighter/${pipeline}/drain`,
      retentionInDays: settings.logRetentionDays,
      ...(settings.kmsKeyArn === undefined ? {} : { kmsKeyId: settings.kmsKeyArn }),
    });
    const instance = new PipelineInstance(this, 'instance', {
      ...settings,
      pipeline,
      network: this.network(),
      diskKmsKeyArn: keys.disk,
      permissions: [
        ...instanceMay({ ...ledger, instances: this.instances(), drainLog }),
        ...instanceMayUse(keys, ledger),
      ],
    });
    const document = new DrainDocument(this, 'drain', {
      pipeline,
      config: {
        version: 1,
        pipeline,
        region: settings.region,
        dataBucket: data.bucketName,
        outputBucket: output.bucketName,
        controlBucket: control.bucketName,
        leaseSeconds: settings.leaseSeconds,
        idleShutdownMinutes: settings.idleShutdownMinutes,
      },
      region: settings.region,
      controlBucket: control.bucketName,
      runnerKey: runner.key,
      runnerVersionId: runner.versionId,
      runnerSha256: bundles.runner.sha256Hex,
    });

    // The functions.
    const failuresQueue = `${pipeline}-failures`;
    const failures = new SqsQueue(this, 'failures', {
      name: failuresQueue,
      messageRetentionSeconds: 14 * 24 * 60 * 60,
      sqsManagedSseEnabled: true,
    });
    // Before it closes, stop waits.
    const timeLimitSeconds: Readonly<Record<HandlerName, number>> = {
      ...TIME_LIMIT_SECONDS,
      stop: TIME_LIMIT_SECONDS.stop + settings.lingerSeconds,
    };
    const makeFunction = (id: HandlerName, environment: Record<string, string>, permissions: Statement[]) =>
      new PipelineFunction(this, id, {
        pipeline,
        accountId: this.accountId,
        bundle: bundles.handlers[id],
        timeLimitSeconds: timeLimitSeconds[id],
        environment,
        logRetentionDays: settings.logRetentionDays,
        kmsKeyArn: settings.kmsKeyArn,
        failures,
        permissions,
      });
    const worker = makeFunction(
      'worker',
      {
        LAMPLIGHTER_PIPELINE: pipeline,
        LAMPLIGHTER_INSTANCE_ID: instance.instanceId,
        LAMPLIGHTER_DOCUMENT: document.documentName,
        LAMPLIGHTER_DRAIN_LOG_GROUP: drainLog.name,
        LAMPLIGHTER_TIME_LIMIT_SECONDS: String(timeLimitSeconds.worker),
      },
      workerMay({ pipeline, instance, document }),
    );
    const ledgerEnvironment = {
      LAMPLIGHTER_PIPELINE: pipeline,
      LAMPLIGHTER_DATA_BUCKET: data.bucketName,
      LAMPLIGHTER_OUTPUT_BUCKET: output.bucketName,
      LAMPLIGHTER_CONTROL_BUCKET: control.bucketName,
      LAMPLIGHTER_INSTANCE_ID: instance.instanceId,
      LAMPLIGHTER_WORKER_FUNCTION: worker.plainName,
      LAMPLIGHTER_MODELS: JSON.stringify(models),
    };
    const trigger = makeFunction('trigger', ledgerEnvironment, [
      ...triggerMay({ ...ledger, instance, worker }),
      ...ledgerFunctionMayUse(keys, ledger),
    ]);
    const stop = makeFunction(
      'stop',
      {
        ...ledgerEnvironment,
        LAMPLIGHTER_TIME_LIMIT_SECONDS: String(timeLimitSeconds.stop),
        LAMPLIGHTER_BREAKER_WAKE_UPS: String(settings.breakerWakeUps),
        LAMPLIGHTER_LINGER_SECONDS: String(settings.lingerSeconds),
        ...(settings.spot ? { LAMPLIGHTER_SPOT: 'true' } : {}),
        LAMPLIGHTER_METRICS: settings.alarms ? 'on' : 'off',
      },
      [...stopMay({ ...ledger, instance, worker }), ...ledgerFunctionMayUse(keys, ledger)],
    );

    // What calls them.
    data.notifyOnCreate(trigger);
    output.notifyOnCreate(stop, { prefix: 'results/', suffix: '/receipt.json' });
    new EventRoute(this, 'instance-state', {
      ruleName: `${pipeline}-instance-state`,
      description: 'The instance has come up, or has stopped by whatever cause',
      target: stop,
      pattern: {
        source: ['aws.ec2'],
        'detail-type': ['EC2 Instance State-change Notification'],
        detail: { 'instance-id': [instance.instanceId], state: ['running', 'stopped', 'terminated'] },
      },
    });
    new EventRoute(this, 'drain-ended', {
      ruleName: `${pipeline}-drain-ended`,
      description: 'A drain command has ended, well or not',
      target: stop,
      pattern: {
        source: ['aws.ssm'],
        'detail-type': ['EC2 Command Status-change Notification'],
        detail: { 'document-name': [document.documentName], status: ENDED_COMMAND_STATUSES },
      },
    });
    new EventRoute(this, 'sweep', {
      ruleName: `${pipeline}-sweep`,
      description: 'Repairs whatever an event should have done',
      target: stop,
      everyMinutes: settings.sweepMinutes,
    });

    // What tells people.
    if (settings.alarms) {
      const watched = {
        ...{ pipeline, failuresQueue, region: settings.region, sweepMinutes: settings.sweepMinutes },
        functions: [trigger.plainName, worker.plainName, stop.plainName],
      };
      const alarms = new Alarms(this, 'alarms', { ...watched, emails: settings.alarmEmails });
      new Dashboard(this, 'dashboard', {
        ...watched,
        instanceId: instance.instanceId,
        alarmArns: alarms.arns,
      });
    }

    // Where the command line, and people, find all this.
    const manifest: Manifest = {
      version: 1,
      pipeline,
      region: settings.region,
      dataBucket: data.bucketName,
      outputBucket: output.bucketName,
      controlBucket: control.bucketName,
      instanceId: instance.instanceId,
      functions: { trigger: trigger.functionName, worker: worker.functionName, stop: stop.functionName },
      document: document.documentName,
      failuresQueue,
      drainLogGroup: drainLog.name,
      sweepMinutes: settings.sweepMinutes,
      stopTimeLimitSeconds: timeLimitSeconds.stop,
      lingerSeconds: settings.lingerSeconds,
      breakerWakeUps: settings.breakerWakeUps,
      models,
    };
    const parameter = new SsmParameter(this, 'manifest', {
      name: manifestParameterName(pipeline),
      description: 'The names of what this Lamplighter pipeline consists of',
      type: 'String',
      insecureValue: JSON.stringify(manifest),
    });
    this.output('data_bucket', 'Upload here', data.bucketName);
    this.output('output_bucket', 'Results and receipts appear here', output.bucketName);
    this.output('control_bucket', 'The ledger; for Lamplighter only', control.bucketName);
    this.output('instance_id', 'The machine that runs the models', instance.instanceId);
    this.output('manifest_parameter', 'The names of all parts', parameter.name);
  }

  /** Every instance of the account in the pipeline's region. */
  private instances(): string {
    const { partition } = new DataAwsPartition(this, 'partition', {});
    return `arn:${partition}:ec2:${this.settings.region}:${this.accountId}:instance/*`;
  }

  private bucket(kind: 'data' | 'output' | 'control', expiry: readonly Expiry[]): PrivateBucket {
    const { name, region, disposable, kmsKeyArn } = this.settings;
    return new PrivateBucket(this, kind, {
      // Bucket names are global, so the account's number has to be in it.
      bucketName: `${name}-${kind}-${this.accountId}-${region}`,
      disposable,
      kmsKeyArn,
      expiry,
    });
  }

  private network(): Place {
    const { settings } = this;
    const { name: pipeline, vpcId, subnetIds } = settings;
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

  private model({ card, digest, zip }: ModelFolder, control: PrivateBucket): DeployedModel {
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

  private output(name: string, description: string, value: string): void {
    new TerraformOutput(this, name, { value, description });
  }
}

function remoteState({ name, region, state }: PipelineSettings): RemoteState | undefined {
  if (state === undefined) return undefined;
  return { ...state, key: state.key ?? `lamplighter/${name}.tfstate`, region: state.region ?? region };
}

/** Overwritten models and runners stay for a year: a job that was admitted before the deploy still names them. */
const ledgerExpiry: readonly Expiry[] = [
  { id: 'open', prefix: 'open/', noncurrentDays: 30 },
  // A drain that was killed at the very end may leave a claim of a job that is done.
  { id: 'claims', prefix: 'claims/', days: 30, noncurrentDays: 30 },
  { id: 'status', prefix: 'status/', days: 30, noncurrentDays: 1 },
  // A year's bills, and the month in which somebody asks.
  { id: 'sessions', prefix: 'sessions/', days: 400, noncurrentDays: 30 },
  { id: 'gate', prefix: 'gate.json', noncurrentDays: 30 },
  { id: 'audit', prefix: 'audit.json', noncurrentDays: 1 },
  { id: 'models', prefix: 'models/', noncurrentDays: 365 },
  { id: 'runner', prefix: 'runner/', noncurrentDays: 365 },
];

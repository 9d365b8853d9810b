import {
  CreateBucketCommand,
  DeleteObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  DescribeInstancesCommand,
  EC2Client,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateDocumentCommand, SSMClient } from '@aws-sdk/client-ssm';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeCommandsContract } from '../support/contracts/commands';
import { describeFunctionContract } from '../support/contracts/function';
import { describeInstanceContract } from '../support/contracts/instance';
import { describeRecordStoreContract } from '../support/contracts/record-store';
import {
  type CloudUnderTest,
  NO_SWEEP,
  REGION,
  eventually,
  hasMoto,
  makeRole,
  query,
  startCloud,
  zipOf,
} from '../support/local-cloud';

/** Prints its event. Its first run fails if the event has `fail`. */
const WORKER = `
let runs = 0;
exports.handler = async (event) => {
  runs += 1;
  console.log(JSON.stringify(event));
  if (event.fail && runs === 1) throw new Error('as ordered');
};`;

const DRAIN = JSON.stringify({
  schemaVersion: '2.2',
  description: 'a drain that finds no job',
  mainSteps: [{ action: 'aws:runShellScript', name: 'drain', inputs: { runCommand: ['sleep 1'] } }],
});

const NO_ENCODED = 'moto counts characters, not bytes';

const S3_DIFFERS = {
  'a conditional PUT may be answered 409, and the store tries again':
    'moto carries conditional writes out one after the other',
  'a key of more than 1,024 bytes is KeyTooLongError, 400': NO_ENCODED,
  'GET of a delete marker by its version is MethodNotAllowed, 405':
    'moto answers NoSuchVersion, 404, which the drain treats alike',
  'a DELETE of a missing key adds a delete marker': 'moto adds none',
  'a key marker alone goes on with the next key': 'moto begins with the second version of the marked key',
  'a marker of a version that is gone goes on with a later key, and loses none':
    'moto answers an empty page, so that the audit of the local cloud loses the rest of the pass',
  'a part of an aborted multi-part upload is NoSuchUpload, 404': 'moto answers 500',
  'LastModified of a multi-part upload is the time when the upload began':
    'moto shows the time of the completion',
};

const SSM_DIFFERS = {
  'pages of commands, joined by their tokens, give every command once':
    'the local cloud answers with one page of all commands',
};

(hasMoto() ? describe : describe.skip)('contracts of the local cloud', () => {
  let cloud: CloudUnderTest;
  let workerRole: string;

  beforeAll(async () => {
    cloud = await startCloud({ startMs: 1_200, agentMs: 1_200, stopMs: 1_500, ...NO_SWEEP });
    await makeInstanceProfile();
    workerRole = await makeRole(cloud, 'worker');
  }, 60_000);
  afterAll(() => (cloud as CloudUnderTest | undefined)?.end());

  let cases = 0;

  describeRecordStoreContract(
    'the local cloud',
    async () => {
      const s3 = new S3Client(cloud.client);
      cases += 1;
      const versionedBucket = async (name: string) => {
        const Bucket = `${name}-${cases}`;
        await s3.send(
          new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: REGION } }),
        );
        await s3.send(
          new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
        );
        return Bucket;
      };
      const bucket = await versionedBucket('control');
      const uploadsBucket = await versionedBucket('data');
      let uploads = 0;
      const upload = async (Key: string) => {
        uploads += 1;
        const text = `upload ${uploads}`;
        const { VersionId } = await s3.send(new PutObjectCommand({ Bucket: uploadsBucket, Key, Body: text }));
        return { text, versionId: VersionId! };
      };
      return {
        s3,
        bucket,
        uploadsBucket,
        upload,
        goneVersion: async (Key) => {
          const { versionId: VersionId } = await upload(Key);
          await s3.send(new DeleteObjectCommand({ Bucket: uploadsBucket, Key, VersionId }));
          return VersionId;
        },
        conflictOnce: () => {
          throw new Error('the local cloud never answers 409');
        },
        wait: (milliseconds) => sleep(milliseconds),
        end: () => s3.destroy(),
      };
    },
    S3_DIFFERS,
  );

  async function makeInstanceProfile() {
    await makeRole(cloud, 'machine-role');
    const PolicyArn = 'arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore';
    const Version = '2010-05-08';
    const profile = { Version, InstanceProfileName: 'machine' };
    await query(cloud, 'iam', { Action: 'AttachRolePolicy', Version, RoleName: 'machine-role', PolicyArn });
    await query(cloud, 'iam', { Action: 'CreateInstanceProfile', ...profile });
    await query(cloud, 'iam', { Action: 'AddRoleToInstanceProfile', RoleName: 'machine-role', ...profile });
  }

  /** A new spot instance, which is pending. */
  async function newInstance() {
    const ec2 = new EC2Client(cloud.client);
    const { Instances } = await ec2.send(
      new RunInstancesCommand({
        ImageId: 'ami-12c6146b',
        MinCount: 1,
        MaxCount: 1,
        IamInstanceProfile: { Name: 'machine' },
        InstanceMarketOptions: {
          MarketType: 'spot',
          SpotOptions: { SpotInstanceType: 'persistent', InstanceInterruptionBehavior: 'stop' },
        },
      }),
    );
    const id = Instances![0]!.InstanceId!;
    const described = async () => {
      const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
      const { State, LaunchTime } = Reservations![0]!.Instances![0]!;
      return { state: State!.Name!, launchTime: LaunchTime! };
    };
    const untilState = (state: string) =>
      eventually(`state ${state}`, async () => ((await described()).state === state ? true : undefined));
    const start = () => ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
    const stop = () => ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
    const end = async () => {
      if ((await described()).state !== 'terminated')
        await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
      ec2.destroy();
    };
    return { ec2, id, described, untilState, start, stop, end };
  }

  describeInstanceContract('the local cloud', async () => {
    const { ec2, id, described, untilState, start, stop, end } = await newInstance();
    await untilState('running');
    await stop();
    await untilState('stopped');
    return {
      ec2,
      id,
      now: Date.now,
      reach: async (state) => {
        if (state === 'terminated') await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
        else if (state !== 'stopped' && (await described()).state === 'stopped') await start();
        if (state === 'stopping' && (await described()).state !== 'stopping') {
          await untilState('running');
          await stop();
        }
        await untilState(state);
      },
      interrupt: async () => {
        cloud.faults.interruptSpot(id);
        await untilState('stopped');
      },
      wait: (milliseconds) => sleep(milliseconds),
      end,
    };
  });

  describeCommandsContract(
    'the local cloud',
    async () => {
      cases += 1;
      const ssm = new SSMClient(cloud.client);
      const document = `drain-${cases}`;
      await ssm.send(new CreateDocumentCommand({ Name: document, Content: DRAIN, DocumentType: 'Command' }));
      const { id, described, untilState, start, stop, end } = await newInstance();
      return {
        ssm,
        id,
        document,
        now: Date.now,
        bootWithAgent: async () => {
          await eventually('the agent', () =>
            cloud.events.some((event) => event.kind === 'agent' && event.instanceId === id)
              ? true
              : undefined,
          );
          return (await described()).launchTime;
        },
        bootAgainWithoutAgent: async () => {
          await stop();
          await untilState('stopped');
          await start();
          return (await described()).launchTime;
        },
        untilEnded: async (commandId) => {
          await eventually('the end of the command', () =>
            cloud.events.find(
              (event) =>
                event.kind === 'command' && event.commandId === commandId && event.status === 'Success',
            ),
          );
        },
        wait: (milliseconds) => sleep(milliseconds),
        end: () => {
          ssm.destroy();
          return end();
        },
      };
    },
    SSM_DIFFERS,
  );

  describeFunctionContract('the local cloud', async () => {
    cases += 1;
    const lambda = new LambdaClient(cloud.client);
    const functionName = `worker-${cases}`;
    await lambda.send(
      new CreateFunctionCommand({
        FunctionName: functionName,
        Role: workerRole,
        Runtime: 'nodejs22.x',
        Handler: 'index.handler',
        Timeout: 20,
        Code: { ZipFile: zipOf(WORKER) },
      }),
    );
    const received = () =>
      cloud.events.flatMap((event) =>
        event.kind === 'log' && event.functionName === functionName && event.text.startsWith('{"reason"')
          ? [JSON.parse(event.text) as object]
          : [],
      );
    return {
      lambda,
      functionName,
      received,
      untilReceived: async (times) => {
        await eventually('the runs', () => (received().length >= times ? true : undefined));
      },
      end: () => lambda.destroy(),
    };
  });
});

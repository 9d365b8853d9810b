import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { EC2Client } from '@aws-sdk/client-ec2';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { settingsSchema } from '../../modules/settings';
import { MissingError } from '../console/exit';
import { LOCAL_DIRECTORY, PROJECT_FOLDER, readCdktfConfig } from '../tools/project';
import { type RunningCloud, findRunningCloud } from '../../local-cloud/running';

export const CLOUDS = ['local', 'aws'] as const;
export type CloudChoice = (typeof CLOUDS)[number];

export interface Clients {
  readonly s3: S3Client;
  readonly ec2: EC2Client;
  readonly ssm: SSMClient;
  readonly lambda: LambdaClient;
  readonly sqs: SQSClient;
  readonly logs: CloudWatchLogsClient;
}

/** The cloud that a command sends its requests to. */
export interface Target {
  readonly cloud: CloudChoice;
  /** The cloud's name, and why it was chosen. For people. */
  readonly text: string;
  readonly clients: Clients;
  /** Time between two polls, in milliseconds. Every poll costs requests on AWS. */
  readonly pollMs: number;
}

export interface TargetOptions {
  /** @default the running local cloud of this checkout, or AWS if none is running */
  readonly cloud?: CloudChoice | undefined;
  readonly region?: string | undefined;
  readonly environment?: NodeJS.ProcessEnv;
  readonly directory?: string;
}

/** Chooses the cloud. Throws MissingError when `local` is requested and no local cloud is running. */
export async function chooseTarget(options: TargetOptions): Promise<Target> {
  const environment = options.environment ?? process.env;
  if (options.cloud !== 'aws') {
    const running = await findRunningCloud(options.directory ?? LOCAL_DIRECTORY);
    if (running) return localTarget(running);
    if (options.cloud === 'local') {
      throw new MissingError(
        'No local cloud of this checkout is running. Start one in another terminal: npm start',
      );
    }
  }
  return awsTarget(options.region ?? regionFrom(environment) ?? regionOfSettings(), environment);
}

/** The local cloud of the process `pid`. @default this process */
export function localTarget(
  running: Pick<RunningCloud, 'endpoint' | 'region' | 'credentials'> & { readonly pid?: number },
): Target {
  const { endpoint, pid = process.pid } = running;
  return {
    cloud: 'local',
    text: `the local cloud at ${endpoint} (process ${pid}); for AWS: --cloud aws`,
    clients: localClients(running),
    pollMs: 500,
  };
}

/** Clients for a local cloud. They ignore the user's own AWS configuration. */
export function localClients(cloud: Pick<RunningCloud, 'endpoint' | 'region' | 'credentials'>): Clients {
  const { endpoint, region, credentials } = cloud;
  const configuration = { endpoint, region, credentials };
  return { ...clientsOf(configuration), s3: new S3Client({ ...configuration, forcePathStyle: true }) };
}

function clientsOf(
  configuration: Partial<Pick<RunningCloud, 'endpoint' | 'region' | 'credentials'>>,
): Clients {
  return {
    s3: new S3Client(configuration),
    ec2: new EC2Client(configuration),
    ssm: new SSMClient(configuration),
    lambda: new LambdaClient(configuration),
    sqs: new SQSClient(configuration),
    logs: new CloudWatchLogsClient(configuration),
  };
}

function awsTarget(region: string | undefined, environment: NodeJS.ProcessEnv): Target {
  const endpoint = environment.AWS_ENDPOINT_URL ?? '';
  const where = endpoint === '' ? '' : `, endpoint ${endpoint} from AWS_ENDPOINT_URL`;
  return {
    cloud: 'aws',
    text: `AWS, region ${region ?? 'of your configuration'}${where}`,
    clients: clientsOf(region === undefined ? {} : { region }),
    pollMs: 3000,
  };
}

/** The SDK itself reads AWS_REGION only. */
function regionFrom(environment: NodeJS.ProcessEnv): string | undefined {
  return [environment.AWS_REGION, environment.AWS_DEFAULT_REGION].find(
    (region) => region !== undefined && region !== '',
  );
}

/** The region of all pipelines in cdktf.json. Undefined: the regions differ, or the file is not valid. */
function regionOfSettings(project = PROJECT_FOLDER): string | undefined {
  try {
    const { pipelines } = readCdktfConfig(project).context;
    const regions = new Set(
      (Array.isArray(pipelines) ? pipelines : []).map((pipeline: unknown) =>
        settingsSchema.shape.region.parse(
          typeof pipeline === 'object' && pipeline !== null && 'region' in pipeline
            ? pipeline.region
            : undefined,
        ),
      ),
    );
    const [region, ...others] = regions;
    return others.length === 0 ? region : undefined;
  } catch {
    return undefined;
  }
}

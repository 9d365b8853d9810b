import { strToU8, zipSync } from 'fflate';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LocalCloud, type LocalCloudOptions, startLocalCloud } from '../../local-cloud/cloud';
import type { CloudEvent } from '../../local-cloud/clockwork/events';
import { type Timings, timingsForTests } from '../../local-cloud/clockwork/timings';

export const REGION = 'eu-central-1';

/** No sweep by schedule during a test. */
export const NO_SWEEP: Partial<Timings> = { sweepMs: 3_600_000 };

/** A local cloud in its own folder, whose name has a space. `events` has everything that happened in it. */
export interface CloudUnderTest extends LocalCloud {
  readonly directory: string;
  readonly events: CloudEvent[];
  /** Settings of every SDK client. */
  readonly client: {
    endpoint: string;
    region: string;
    credentials: LocalCloud['credentials'];
    maxAttempts: number;
  };
  end(): Promise<void>;
}

/** Whether moto's server is installed. Throws if it is not, where tools are required (CI), so that no test is skipped. */
export function hasMoto(): boolean {
  try {
    execFileSync('moto_server', ['--help'], { stdio: 'ignore' });
    return true;
  } catch {
    const text =
      'moto_server is not on the PATH (pip install "moto[server]==5.2.1" brings it): the tests of the local cloud cannot run';
    if (process.env.CI === 'true' || process.env.LAMPLIGHTER_REQUIRE_TOOLS === '1') throw new Error(text);
    console.warn(`${text} and are SKIPPED`);
    return false;
  }
}

export async function startCloud(
  timings: Partial<Timings> = {},
  systemd?: LocalCloudOptions['systemd'],
): Promise<CloudUnderTest> {
  const directory = mkdtempSync(join(tmpdir(), 'local cloud '));
  const events: CloudEvent[] = [];
  const cloud = await startLocalCloud({
    directory,
    motoServer: 'moto_server',
    region: REGION,
    timings: { ...timingsForTests, ...timings },
    systemd,
    onEvent: (event) => events.push(event),
  });
  const client = {
    endpoint: cloud.endpoint,
    region: REGION,
    credentials: cloud.credentials,
    maxAttempts: 1,
  };
  const end = async () => {
    await cloud.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  return Object.assign(cloud, { directory, events, client, end });
}

/** Waits until `read` returns a value. Throws, with its name, after the limit. */
export async function eventually<T>(
  name: string,
  read: () => T | undefined | Promise<T | undefined>,
  limitMs = 15_000,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`${name}: not within ${limitMs} ms`);
    await sleep(25);
  }
}

/** Calls a query protocol, for services without an SDK client here (IAM). Returns XML. */
export async function query(cloud: CloudUnderTest, service: string, fields: Record<string, string>) {
  const answer = await fetch(cloud.endpoint, {
    method: 'POST',
    headers: { authorization: authorization(cloud, service) },
    body: new URLSearchParams(fields),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}

/** Calls a JSON protocol, for services without an SDK client here. */
export async function json<T>(cloud: CloudUnderTest, service: string, target: string, body: object) {
  const answer = await fetch(cloud.endpoint, {
    method: 'POST',
    headers: {
      authorization: authorization(cloud, service),
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': target,
    },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return (text === '' ? {} : JSON.parse(text)) as T;
}

/** Makes a role with permission for these actions on all resources. Returns its ARN. */
export async function makeRole(
  cloud: CloudUnderTest,
  name: string,
  actions: readonly string[] = [],
): Promise<string> {
  const xml = await query(cloud, 'iam', {
    Action: 'CreateRole',
    Version: '2010-05-08',
    RoleName: name,
    AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [] }),
  });
  if (actions.length > 0) await allowRole(cloud, name, [{ Effect: 'Allow', Action: actions, Resource: '*' }]);
  return /<Arn>([^<]+)<\/Arn>/.exec(xml)![1]!;
}

/** Replaces a role's statements. */
export async function allowRole(
  cloud: CloudUnderTest,
  role: string,
  statements: readonly object[],
): Promise<void> {
  await query(cloud, 'iam', {
    Action: 'PutRolePolicy',
    Version: '2010-05-08',
    RoleName: role,
    PolicyName: 'permissions',
    PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: statements }),
  });
}

export function zipOf(source: string): Uint8Array {
  return zipSync({ 'index.js': strToU8(source) });
}

function authorization(cloud: CloudUnderTest, service: string): string {
  const scope = `${cloud.credentials.accessKeyId}/20260101/${REGION}/${service}/aws4_request`;
  return `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`;
}

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { HEALTH_PATH } from './gateway';
import { isAlive } from '../scripts/tools/process-groups';

const runningCloudSchema = z.looseObject({
  pid: z.int().positive(),
  endpoint: z.url(),
  region: z.string().min(1),
  credentials: z.looseObject({ accessKeyId: z.string().min(1), secretAccessKey: z.string().min(1) }),
  startedAt: z.string(),
});

/** The content of `cloud.json` in a local cloud's folder. A command in another terminal finds the local cloud by it. */
export type RunningCloud = z.infer<typeof runningCloudSchema>;

const HEALTH_LIMIT_MS = 5_000;

const fileIn = (directory: string) => join(directory, 'cloud.json');

export async function noteRunningCloud(directory: string, cloud: RunningCloud): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(fileIn(directory), `${JSON.stringify(cloud, null, 2)}\n`, { mode: 0o600 });
}

export async function forgetRunningCloud(directory: string): Promise<void> {
  await rm(fileIn(directory), { force: true });
}

/** The local cloud that runs in a folder. Undefined if there is none, or if it has died. */
export async function findRunningCloud(directory: string): Promise<RunningCloud | undefined> {
  const text = await readFile(fileIn(directory), 'utf8').catch(() => undefined);
  const cloud = runningCloudSchema.safeParse(jsonOrNothing(text));
  if (!cloud.success || !isAlive(cloud.data.pid)) return undefined;
  // Other programs may have the pid and the port now.
  return (await healthyPid(cloud.data.endpoint)) === cloud.data.pid ? cloud.data : undefined;
}

async function healthyPid(endpoint: string): Promise<number | undefined> {
  try {
    const signal = AbortSignal.timeout(HEALTH_LIMIT_MS);
    const answer = await fetch(new URL(HEALTH_PATH, endpoint), { signal });
    return ((await answer.json()) as { pid?: number }).pid;
  } catch {
    return undefined;
  }
}

function jsonOrNothing(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

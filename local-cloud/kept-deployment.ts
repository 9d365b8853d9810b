import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { LamplighterError } from '../lifecycle/errors';
import { requestMoto } from './moto/moto-api';
import { type RecordedCall, idsIn, withIds } from './wire/recorder';

/**
 * A deployment that the next local cloud takes over. moto keeps everything in memory, so a new local cloud is empty. Terraform's
 * waits are for resources that it makes; repeating its calls takes no waits.
 */
export interface KeptDeployment {
  readonly region: string;
  /** The digest of the synthesized stack that was applied. */
  readonly digest: string;
  /** The endpoint of the cloud in which it was applied: URLs of queues contain it. */
  readonly endpoint: string;
  readonly calls: readonly RecordedCall[];
  /** Terraform's state after the apply. */
  readonly state: string;
}

const keptSchema = z.object({
  version: z.literal(1),
  region: z.string(),
  digest: z.string(),
  endpoint: z.string(),
  calls: z.array(
    z.object({
      method: z.string(),
      target: z.string(),
      headers: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
      body: z.string(),
      isText: z.boolean(),
      ids: z.array(z.string()),
    }),
  ),
  state: z.string(),
});

/** Maximum number of calls. Each deploy of a change adds some; a long record is replaced by a new deployment. */
const MOST_CALLS = 600;

/** The folder of a local cloud, and the name of the stack: each stack's deployment has a file. */
export interface Place {
  readonly directory: string;
  readonly stack: string;
}

const fileOf = ({ directory, stack }: Place) => join(directory, `deployed.${stack}.json`);

/** Undefined if no deployment is kept, or if it cannot be used. */
export async function readKept(place: Place, region: string): Promise<KeptDeployment | undefined> {
  const text = await readFile(fileOf(place), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const kept = keptSchema.parse(JSON.parse(text));
    return kept.calls.length > MOST_CALLS || kept.region !== region ? undefined : kept;
  } catch {
    return undefined;
  }
}

/** Written under another name and renamed, so that an interruption leaves no half of it. */
export async function keep(place: Place, kept: KeptDeployment): Promise<void> {
  await mkdir(place.directory, { recursive: true });
  const aside = `${fileOf(place)}.${randomUUID()}`;
  await writeFile(aside, JSON.stringify({ version: 1, ...kept }), { mode: 0o600 });
  await rename(aside, fileOf(place));
}

export async function forgetKept(place: Place): Promise<void> {
  await rm(fileOf(place), { force: true });
}

/**
 * Repeats the calls in a new local cloud. The cloud makes up other ids: each answer shows which, and the later calls use them.
 * Returns Terraform's state with the new ids. Throws LamplighterError if the cloud answers otherwise than before.
 */
export async function repeatDeployment(kept: KeptDeployment, endpoint: string): Promise<string> {
  const port = Number(new URL(endpoint).port);
  const ids = new Map<string, string>();
  const renewed = (text: string) => withIds(text.replaceAll(kept.endpoint, endpoint), ids);
  for (const call of kept.calls) {
    const { method, target, headers, isText } = call;
    const bytes = Buffer.from(call.body, 'base64');
    const body = isText ? Buffer.from(renewedBody(bytes.toString(), headers, renewed)) : bytes;
    const length = { 'content-length': String(body.length) };
    const send = { ...headers, ...length, host: `127.0.0.1:${port}` };
    const answer = await requestMoto(port, method, renewed(target), send, (outgoing) => outgoing.end(body));
    const text = (await buffer(answer)).toString();
    const version = answer.headers['x-amz-version-id'];
    const found = idsIn(`${String(version ?? '')} ${text}`);
    if ((answer.statusCode ?? 500) >= 300 || found.length !== call.ids.length) {
      throw new LamplighterError(
        `The kept deployment cannot be repeated: ${method} ${target} was answered with ${answer.statusCode ?? 0}: ${text.slice(0, 300)}`,
      );
    }
    call.ids.forEach((id, index) => ids.set(id, found[index] ?? id));
  }
  return renewed(kept.state);
}

/** In a form, an id stands in percent-encoded text, where its beginning cannot be seen. */
function renewedBody(
  body: string,
  headers: RecordedCall['headers'],
  renewed: (text: string) => string,
): string {
  if (!String(headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded'))
    return renewed(body);
  const fields = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(body)) fields.append(name, renewed(value));
  return fields.toString();
}

/** The digest of a synthesized stack: of its configuration and of the files that it uploads. */
export async function digestOf(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of await filesIn(folder)) {
    const bytes = await readFile(join(folder, name));
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

/** The files that the synthesis writes. Terraform's own are beside them. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(join(folder, 'files'), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  return ['cdk.tf.json', ...files.sort()];
}

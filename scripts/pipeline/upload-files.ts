import type { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { accessSync, constants, createReadStream, statSync } from 'node:fs';
import { basename } from 'node:path';
import { jobIdOf } from '../../lifecycle/job';
import { type DeployedModel, modelFor } from '../../lifecycle/model';
import { BrokenError, InterruptedError, UsageError } from '../console/exit';
import { systemCodeOf } from '../console/system-error';
import { filesIn } from './find-files';

/** A file that can be uploaded: it is readable, and a model accepts its key. */
export interface PlannedUpload {
  readonly file: string;
  readonly key: string;
  readonly sizeBytes: number;
  readonly model: string;
}

/** A file that has been uploaded. */
export interface Job {
  readonly file: string;
  readonly key: string;
  readonly versionId: string;
  readonly jobId: string;
}

const MAX_KEY_BYTES = 1024;

interface PlanOptions {
  /** @default the working folder */
  readonly from?: string;
  /** The model that must accept every file. Without `prefix`, keys begin with the model's own prefix. @default any model */
  readonly model?: string | undefined;
  /** Called when a file in a folder is skipped, because no model accepts its key. */
  readonly onSkipped?: (name: string, why: string) => void;
}

/**
 * Plans the upload of files and of folders' files. A key is the prefix and the file's name; in a folder, the prefix and the
 * path below the folder.
 *
 * Throws one UsageError that lists every file that cannot be uploaded: missing, empty, unreadable, no regular file, too
 * large, or with a key that no model accepts.
 */
export function planUploads(
  names: readonly string[],
  prefix: string | ((fileName: string) => string),
  models: readonly DeployedModel[],
  { from = process.cwd(), model: wanted, onSkipped = () => undefined }: PlanOptions = {},
): PlannedUpload[] {
  const own = wanted === undefined ? undefined : modelCalled(wanted, models);
  const problems: string[] = [];
  const planned: PlannedUpload[] = [];
  const taken = new Map<string, string>();
  const files = filesIn(names, from);
  for (const { name, file, tail, isInFolder } of files) {
    const before = typeof prefix === 'string' ? prefix : prefix(tail);
    const key = `${before === '' ? (own?.prefix ?? '') : before}${tail}`;
    const model = modelFor({ key }, models);
    const other = taken.get(key);
    const sizeBytes = sizeOf(file);
    if (isInFolder && (!model || (own && model.name !== own.name)))
      onSkipped(name, `${own ? `${own.name} does not accept` : 'no model accepts'} the key "${key}"`);
    else if (typeof sizeBytes === 'string') problems.push(`${name}: ${sizeBytes}`);
    else if (Buffer.byteLength(key) > MAX_KEY_BYTES)
      problems.push(`${name}: its key would be longer than 1,024 bytes`);
    else if (!model)
      problems.push(
        `${name}: no model accepts the key "${key}"; accepted keys: ${takenKeys(models)}${hint(key, models)}`,
      );
    else if (own && model.name !== own.name)
      problems.push(
        `${name}: the key "${key}" is accepted by ${model.name}; ${own.name} accepts ${takenKeys([own])}`,
      );
    else if (other !== undefined) problems.push(`${name}: its key "${key}" is also the key of ${other}`);
    else {
      taken.set(key, name);
      planned.push({ file, key, sizeBytes, model: model.name });
    }
  }
  if (problems.length === 0 && planned.length === 0)
    problems.push(`there is no file to upload in ${names.join(', ')}; accepted keys: ${takenKeys(models)}`);
  if (problems.length === 0) return planned;
  throw new UsageError(
    [
      `Nothing was uploaded, for ${problems.length === 1 ? 'this reason' : 'these reasons'}:`,
      ...problems,
    ].join('\n  '),
  );
}

function modelCalled(name: string, models: readonly DeployedModel[]): DeployedModel {
  const found = models.find((model) => model.name === name);
  if (found) return found;
  const names = models.map((model) => model.name).join(', ');
  throw new UsageError(`The pipeline has no model "${name}"; it has: ${names}.`);
}

/** For people: `"raw/….csv" (breast-cancer)`. */
export function takenKeys(models: readonly DeployedModel[]): string {
  return models
    .map(({ name, prefix, suffixes }) => {
      const endings = suffixes.length === 0 ? [''] : suffixes;
      return `${endings.map((suffix) => `"${prefix}…${suffix}"`).join(', ')} (${name})`;
    })
    .join('; ');
}

/** For a new user whose model accepts `in/….csv`, and who submits `my.csv`. */
function hint(key: string, models: readonly DeployedModel[]): string {
  const other = prefixFor(basename(key), models);
  return other === undefined || other === '' ? '' : `; add --prefix ${other}`;
}

/** The first prefix with which a model accepts a file of that name. */
export function prefixFor(fileName: string, models: readonly DeployedModel[]): string | undefined {
  const takes = (prefix: string) => modelFor({ key: `${prefix}${fileName}` }, models) !== undefined;
  return ['', ...models.map(({ prefix }) => prefix)].find(takes);
}

/**
 * Uploads one file, in parts if the file is large. If it is interrupted, it leaves no parts in S3. Throws BrokenError when
 * the bucket keeps no versions, and what the SDK throws.
 */
export async function upload(
  s3: S3Client,
  bucket: string,
  planned: PlannedUpload,
  signal: AbortSignal,
  onBytes: (loaded: number) => void = () => undefined,
): Promise<Job> {
  if (signal.aborted) throw new InterruptedError();
  const { file, key } = planned;
  const body = createReadStream(file);
  const transfer = new Upload({ client: s3, params: { Bucket: bucket, Key: key, Body: body } });
  transfer.on('httpUploadProgress', ({ loaded = 0 }) => onBytes(loaded));
  // Upload.abort() throws at once, and this process would end before S3 has deleted the parts. If the body breaks instead,
  // Upload waits for the parts that are being sent, aborts the upload in S3, and then throws.
  const abort = () => void body.destroy(new InterruptedError());
  const isAborted = () => signal.aborted;
  signal.addEventListener('abort', abort, { once: true });
  try {
    const { VersionId: versionId } = await transfer.done();
    if (versionId === undefined || versionId === '' || versionId === 'null') {
      throw new BrokenError(
        `${bucket} gave "${key}" no version: versioning is off. Deploy the pipeline again.`,
      );
    }
    return { file, key, versionId, jobId: jobIdOf({ bucket, key, versionId }) };
  } catch (error) {
    if (isAborted()) throw new InterruptedError();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Largest object that S3 accepts, in bytes. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const MAX_UPLOAD_BYTES = 5 * 1024 ** 4;

/** The file's size in bytes, or why the file cannot be uploaded. */
function sizeOf(file: string): number | string {
  try {
    const stat = statSync(file);
    if (!stat.isFile()) return 'it is not a regular file';
    if (stat.size === 0) return 'it is empty';
    if (stat.size > MAX_UPLOAD_BYTES) return 'it is larger than the 5 TB that one upload may hold';
    accessSync(file, constants.R_OK);
    return stat.size;
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file';
    return code === 'EACCES' ? 'you are not allowed to read it' : String(error);
  }
}

import type { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { createReadStream, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { jobIdOf } from '../../lifecycle/job';
import { type TakingModel, modelFor } from '../../lifecycle/model';
import { BrokenError, InterruptedError, UsageError } from '../exit';
import { systemCodeOf } from '../system-error';

/** A file that may be uploaded: it was looked at, and a model takes its key. */
export interface PlannedUpload {
  readonly file: string;
  readonly key: string;
  readonly sizeBytes: number;
  readonly model: string;
}

/** An upload that is on its way through the pipeline. */
export interface Job {
  readonly file: string;
  readonly key: string;
  readonly versionId: string;
  readonly jobId: string;
}

const MAX_KEY_BYTES = 1024;

/**
 * What would be uploaded, under which key: the prefix, perhaps one for each file, and the file's name. Throws one UsageError
 * that lists every file that cannot be: missing, not a file, or with a key that no model takes.
 */
export function planUploads(
  files: readonly string[],
  prefix: string | ((fileName: string) => string),
  models: readonly TakingModel[],
  from = process.cwd(),
): PlannedUpload[] {
  const problems: string[] = [];
  const planned: PlannedUpload[] = [];
  for (const name of files) {
    const file = resolve(from, name);
    const key = `${typeof prefix === 'string' ? prefix : prefix(basename(file))}${basename(file)}`;
    const model = modelFor({ key }, models);
    const sizeBytes = sizeOf(file);
    if (typeof sizeBytes === 'string') problems.push(`${name}: ${sizeBytes}`);
    else if (Buffer.byteLength(key) > MAX_KEY_BYTES)
      problems.push(`${name}: its key would be longer than 1,024 bytes`);
    else if (!model)
      problems.push(
        `${name}: no model takes the key "${key}"; taken are ${takenKeys(models)}${hint(key, models)}`,
      );
    else planned.push({ file, key, sizeBytes, model: model.name });
  }
  if (problems.length === 0) return planned;
  throw new UsageError(
    [`Nothing was uploaded, because of ${problems.length === 1 ? 'this' : 'these'}:`, ...problems].join(
      '\n  ',
    ),
  );
}

/** For people: `raw/….csv (breast-cancer)`. */
export function takenKeys(models: readonly TakingModel[]): string {
  return models
    .map(({ name, prefix, suffixes }) => {
      const endings = suffixes.length === 0 ? [''] : suffixes;
      return `${endings.map((suffix) => `"${prefix}…${suffix}"`).join(', ')} (${name})`;
    })
    .join('; ');
}

/** A new user's model takes `in/….csv`, and the new user submits `my.csv`. */
function hint(key: string, models: readonly TakingModel[]): string {
  const other = prefixFor(basename(key), models);
  return other === undefined || other === '' ? '' : `; say --prefix ${other}`;
}

/** The first prefix under which a model takes a file of that name. */
export function prefixFor(fileName: string, models: readonly TakingModel[]): string | undefined {
  const takes = (prefix: string) => modelFor({ key: `${prefix}${fileName}` }, models) !== undefined;
  return ['', ...models.map(({ prefix }) => prefix)].find(takes);
}

/** Uploads one file. Throws BrokenError when the bucket does not keep versions, and what the SDK throws. */
export async function upload(
  s3: S3Client,
  bucket: string,
  planned: PlannedUpload,
  signal: AbortSignal,
): Promise<Job> {
  if (signal.aborted) throw new InterruptedError();
  const { file, key } = planned;
  const transfer = new Upload({
    client: s3,
    params: { Bucket: bucket, Key: key, Body: createReadStream(file) },
  });
  const abort = () => void transfer.abort();
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

/** A number of bytes, or why the file cannot be uploaded. */
function sizeOf(file: string): number | string {
  try {
    const stat = statSync(file);
    if (stat.isDirectory()) return 'it is a folder; name the files in it';
    return stat.isFile() ? stat.size : 'it is not a regular file';
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file';
    return code === 'EACCES' ? 'it may not be read' : String(error);
  }
}

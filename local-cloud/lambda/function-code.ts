import { unzipSync } from 'fflate';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { InvalidInputError } from '../../lifecycle/errors';
import { type MotoApi, objectPath } from '../moto/moto-api';

/** The source of a function's zip in CreateFunction and UpdateFunctionCode. */
export interface CodeSource {
  readonly ZipFile?: string;
  readonly S3Bucket?: string;
  readonly S3Key?: string;
  readonly S3ObjectVersion?: string;
}

/** The zips of the deployed functions. Each is unpacked once. */
export class FunctionCode {
  private readonly zips = new Map<string, Buffer>();

  constructor(
    private readonly moto: MotoApi,
    private readonly directory: string,
  ) {}

  async keep(functionName: string, source: CodeSource): Promise<void> {
    this.zips.set(functionName, await this.bytesOf(source));
  }

  forget(functionName: string): void {
    this.zips.delete(functionName);
  }

  /** The folder with the function's unpacked zip. Throws InvalidInputError if there is no zip, or the file is not one. */
  async unpacked(functionName: string): Promise<string> {
    const zip = this.zips.get(functionName);
    if (!zip) throw new InvalidInputError(`The function ${functionName} has no zip in this local cloud.`);
    const digest = createHash('sha256').update(zip).digest('hex').slice(0, 16);
    const folder = join(this.directory, functionName, digest);
    if (existsSync(folder)) return folder;
    // Unpacked under another name and renamed, so that a folder with this name is complete.
    const aside = `${folder}.${randomUUID()}`;
    await unpack(zip, aside);
    await rename(aside, folder).catch(async (error: unknown) => {
      await rm(aside, { recursive: true, force: true });
      if (!existsSync(folder)) throw error;
    });
    return folder;
  }

  private async bytesOf({ ZipFile, S3Bucket, S3Key, S3ObjectVersion }: CodeSource): Promise<Buffer> {
    if (ZipFile !== undefined) return Buffer.from(ZipFile, 'base64');
    return (await this.moto.request('GET', objectPath(S3Bucket ?? '', S3Key ?? '', S3ObjectVersion))).body;
  }
}

async function unpack(zip: Buffer, folder: string): Promise<void> {
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(zip);
  } catch (cause) {
    throw new InvalidInputError('The function’s code is not a zip file.', { cause });
  }
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(entries)) {
    const file = resolve(folder, name);
    if (!file.startsWith(folder + sep)) {
      throw new InvalidInputError(`The function’s zip has an entry outside its folder: ${name}`);
    }
    if (name.endsWith('/')) continue;
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }
}

import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Entry, type ZipFile, openPromise } from 'yauzl';
import { LamplighterError, messageOf } from '../../lifecycle/errors';
import { systemCodeOf } from '../console/system-error';

export type Platform = 'linux_amd64' | 'linux_arm64' | 'darwin_amd64' | 'darwin_arm64';

export interface Release {
  readonly version: string;
  /** Hex SHA-256 of the zip, per platform. */
  readonly sha256: Readonly<Partial<Record<Platform, string>>>;
}

export const RELEASES_URL = 'https://releases.hashicorp.com';

/**
 * The release that is downloaded if the machine has no Terraform. The sums are the publisher's
 * (terraform_1.11.4_SHA256SUMS). They are in this reviewed repository, so that an attacker on the server or
 * on the network cannot change the program that runs.
 */
export const TERRAFORM_RELEASE: Release = {
  version: '1.11.4',
  sha256: {
    linux_amd64: '1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc',
    linux_arm64: 'a43d1d0da9b9bab214a8305a39db0e40869572594ccf50c416a7756499143633',
    darwin_amd64: 'a56d5002b9f7647291faccc3dd1a70350e60fb61e4c45037629508b8fdc2575b',
    darwin_arm64: '867e0808fa971217043e25b7a792b10720c79b1546f8a68479b74f138be73e18',
  },
};

/** Terraform's name of a platform. Undefined: no release is pinned for it. */
export function platformOf(system: string, processor: string): Platform | undefined {
  const platforms: Record<string, Platform> = {
    'linux x64': 'linux_amd64',
    'linux arm64': 'linux_arm64',
    'darwin x64': 'darwin_amd64',
    'darwin arm64': 'darwin_arm64',
  };
  return platforms[`${system} ${processor}`];
}

interface FetchOptions {
  readonly release: Release;
  readonly platform: Platform;
  /** The zip's SHA-256, as hex. */
  readonly sha256: string;
  /** The path of the program. A rename puts it there complete or not at all. */
  readonly program: string;
  readonly baseUrl: string;
  readonly signal: AbortSignal;
}

/** Limits that keep a server from filling the disk. The real sizes are 30 MB zipped and 90 MB unzipped. */
const ZIP_LIMIT_BYTES = 300_000_000;
const PROGRAM_LIMIT_BYTES = 1_000_000_000;
const DOWNLOAD_LIMIT_MS = 600_000;

/** Downloads, verifies and unzips. The zip is opened only if its hash is right. Throws LamplighterError. */
export async function fetchTerraform(options: FetchOptions): Promise<void> {
  const { release, platform, program } = options;
  const url = `${options.baseUrl.replace(/\/+$/, '')}/terraform/${release.version}/terraform_${release.version}_${platform}.zip`;
  await mkdir(dirname(program), { recursive: true });
  const unique = `${program}.${process.pid}-${randomUUID()}`;
  const [zip, unpacked] = [`${unique}.zip`, `${unique}.new`];
  try {
    const sum = await download(url, zip, options.signal);
    if (sum !== options.sha256) {
      throw new LamplighterError(
        `The file from ${url} is not Terraform ${release.version}: its SHA-256 is ${sum}, and must be ${options.sha256}. The file was deleted.`,
      );
    }
    await unzipOne(zip, 'terraform', unpacked);
    await chmod(unpacked, 0o755);
    await rename(unpacked, program);
  } finally {
    await rm(zip, { force: true });
    await rm(unpacked, { force: true });
  }
}

/** Downloads a file. Returns its SHA-256 as hex. */
async function download(url: string, file: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  let received = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      received += chunk.length;
      hash.update(chunk);
      done(received > ZIP_LIMIT_BYTES ? new Error(`more than ${ZIP_LIMIT_BYTES} bytes`) : null, chunk);
    },
  });
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(DOWNLOAD_LIMIT_MS)]),
    });
    if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`);
    await pipeline(Readable.fromWeb(response.body), counted, createWriteStream(file));
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new LamplighterError(`${url} could not be downloaded: ${fetchFailure(cause)}.`, { cause });
  }
  return hash.digest('hex');
}

/** The error of `fetch` has the message "fetch failed", and the reason in `cause`. */
function fetchFailure(error: unknown): string {
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
  const reason = cause ?? error;
  const text = messageOf(reason);
  return text === '' ? (systemCodeOf(reason) ?? 'no connection') : text;
}

/** Writes one entry of a zip to a file. The other entries are ignored, whatever their names. */
async function unzipOne(zip: string, name: string, file: string): Promise<void> {
  const archive = await openPromise(zip, { autoClose: false });
  try {
    const entry = await findEntry(archive, name);
    if (entry.uncompressedSize > PROGRAM_LIMIT_BYTES) {
      throw new LamplighterError(
        `"${name}" in ${zip} claims ${entry.uncompressedSize} bytes; that is too much.`,
      );
    }
    await pipeline(await archive.openReadStreamPromise(entry), createWriteStream(file));
  } finally {
    archive.close();
  }
}

function findEntry(archive: ZipFile, name: string): Promise<Entry> {
  return new Promise((resolve, reject) => {
    archive.on('entry', (entry: Entry) => {
      if (entry.fileName === name) resolve(entry);
      else archive.readEntry();
    });
    archive.once('end', () => reject(new LamplighterError(`There is no "${name}" in the zip.`)));
    archive.once('error', reject);
    archive.readEntry();
  });
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../lifecycle/errors';
import { InterruptedError, MissingError } from '../console/exit';
import type { Children } from './children';
import {
  type Platform,
  RELEASES_URL,
  type Release,
  TERRAFORM_RELEASE,
  fetchTerraform,
  platformOf,
} from './terraform-release';

export interface Terraform {
  /** The executable: `terraform` from the PATH, or a path in the cache. */
  readonly program: string;
  readonly version: string;
  readonly from: 'PATH' | 'cache' | 'download';
}

export interface TerraformOptions {
  readonly children: Children;
  readonly cache: string;
  readonly signal: AbortSignal;
  /** Called before a download begins. */
  readonly onDownload: (text: string) => void;
  readonly environment?: NodeJS.ProcessEnv;
  /** @default the pinned release */
  readonly release?: Release;
  /** @default this machine's platform */
  readonly platform?: Platform | undefined;
}

/**
 * The oldest accepted version of `terraform` on the PATH, major and minor: `check` blocks need 1.5.
 * https://developer.hashicorp.com/terraform/language/checks
 */
const OLDEST: readonly [number, number] = [1, 5];

/**
 * Finds or downloads Terraform. The one on the PATH is used if it is new enough, then the pinned release from
 * the cache, then the same release from its publisher. Throws MissingError, which names what to install.
 */
export async function provideTerraform(options: TerraformOptions): Promise<Terraform> {
  const release = options.release ?? TERRAFORM_RELEASE;
  const environment = options.environment ?? process.env;
  const onPath = await versionOf('terraform', options.children, environment);
  if (onPath !== undefined && isNewEnough(onPath)) {
    return { program: 'terraform', version: onPath, from: 'PATH' };
  }

  const platform = 'platform' in options ? options.platform : platformOf(process.platform, process.arch);
  const sha256 = platform && release.sha256[platform];
  if (platform === undefined || sha256 === undefined) {
    throw new MissingError(
      `Terraform is needed, and no release is pinned for ${process.platform} on ${process.arch}. ` +
        howToInstall(onPath),
    );
  }

  const program = join(options.cache, 'terraform', release.version, platform, 'terraform');
  if (existsSync(program) && (await versionOf(program, options.children, environment)) === release.version) {
    return { program, version: release.version, from: 'cache' };
  }

  const base = environment.LAMPLIGHTER_TERRAFORM_RELEASES ?? '';
  const baseUrl = base === '' ? RELEASES_URL : base;
  options.onDownload(
    `Terraform ${release.version} is downloaded from ${new URL(baseUrl).host} (about 30 MB, once)`,
  );
  try {
    await fetchTerraform({ release, platform, sha256, program, baseUrl, signal: options.signal });
  } catch (cause) {
    if (options.signal.aborted) throw cause;
    throw new MissingError(`${messageOf(cause)} ${howToInstall(onPath)}`, { cause });
  }
  const fetched = await versionOf(program, options.children, environment);
  if (fetched !== release.version) {
    throw new MissingError(
      `Terraform was downloaded to ${program}, but does not run here. ${howToInstall(onPath)}`,
    );
  }
  return { program, version: release.version, from: 'download' };
}

const versionSchema = z.looseObject({ terraform_version: z.string() });

/** The program's version. Undefined: the program does not exist, or does not answer like Terraform. */
async function versionOf(
  program: string,
  children: Children,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  try {
    const { code, stdout } = await children.run(program, ['version', '-json'], {
      // If the CLI configuration does not exist, even `version` prints warnings.
      environment: { ...environment, CHECKPOINT_DISABLE: '1', TF_CLI_CONFIG_FILE: '' },
      timeLimitMs: 20_000,
    });
    return code === 0 ? versionSchema.parse(JSON.parse(stdout)).terraform_version : undefined;
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    return undefined;
  }
}

export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

function howToInstall(onPath: string | undefined): string {
  const found = onPath === undefined ? '' : ` (the one on the PATH is ${onPath})`;
  return (
    `Install Terraform ${OLDEST.join('.')} or newer${found} so that "terraform" is on the PATH: ` +
    'https://developer.hashicorp.com/terraform/install'
  );
}

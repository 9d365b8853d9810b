import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from '../console/exit';
import type { Platform } from './terraform-release';

const REGISTRY = 'registry.terraform.io';
const PROVIDER = 'hashicorp/aws';

/** Usual folders of a provider mirror on a machine without access to the public registry. */
const PLACES = ['/opt', '/usr/share', '/usr/local/share', '/usr/lib', '/usr/local/lib', '/var/lib', '/srv'];

/** Bounds of the search below those folders: maximum levels and maximum folders. */
const MAX_DEPTH = 4;
const MAX_FOLDERS = 4_000;

export interface ProviderOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** Terraform's name of this platform. */
  readonly platform: Platform;
  readonly providerVersion: string;
  readonly cache: string;
  /** The path of the CLI configuration that is written if a mirror is used. */
  readonly cliConfigFile: string;
  /** @default the usual system directories and ~/.terraform.d */
  readonly places?: readonly string[];
  readonly home?: string;
}

interface ProviderSource {
  /** Environment variables for each Terraform process of this run. */
  readonly environment: Readonly<Record<string, string>>;
  /** The provider's source in a few words, for people. */
  readonly text: string;
}

/**
 * Chooses where Terraform gets the AWS provider from, in this order:
 * 1. As the user's own CLI configuration sets it, if that has a `provider_installation`.
 * 2. A mirror on this machine.
 * 3. The public registry. The cache folder keeps the provider, so that its 600 MB are downloaded once.
 */
export async function provideProvider(options: ProviderOptions): Promise<ProviderSource> {
  const { environment } = options;
  const own = ownConfiguration(environment, options.home ?? homedir());
  if (own !== undefined) return { environment: {}, text: `as ${own} says` };

  const mirror = findMirror(options);
  if (mirror !== undefined) {
    await mkdir(dirname(options.cliConfigFile), { recursive: true });
    await writeFile(options.cliConfigFile, cliConfiguration(mirror));
    return { environment: { TF_CLI_CONFIG_FILE: options.cliConfigFile }, text: `from the mirror ${mirror}` };
  }

  const kept = environment.TF_PLUGIN_CACHE_DIR ?? '';
  const directory = kept === '' ? join(options.cache, 'terraform-providers') : kept;
  await mkdir(directory, { recursive: true });
  return {
    environment: {
      TF_PLUGIN_CACHE_DIR: directory,
      // The local run deletes its lock file. Without one, Terraform would download the provider again for its
      // checksums.
      TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE: '1',
      ...missingConfiguration(environment),
    },
    text: existsSync(join(directory, REGISTRY, PROVIDER))
      ? 'from the cache folder'
      : 'from the public registry (about 600 MB, once)',
  };
}

/** The path of the user's CLI configuration, if it sets where providers come from. */
function ownConfiguration(environment: NodeJS.ProcessEnv, home: string): string | undefined {
  const named = environment.TF_CLI_CONFIG_FILE ?? environment.TERRAFORM_CONFIG ?? '';
  if (named !== '') return existsSync(named) ? named : undefined;
  const usual = join(home, '.terraformrc');
  try {
    return /^\s*provider_installation\b/m.test(readFileSync(usual, 'utf8')) ? usual : undefined;
  } catch {
    return undefined;
  }
}

/** If TF_CLI_CONFIG_FILE names a missing file, each Terraform process warns. An empty value means the default. */
function missingConfiguration({ TF_CLI_CONFIG_FILE: named = '' }: NodeJS.ProcessEnv): Record<string, string> {
  return named !== '' && !existsSync(named) ? { TF_CLI_CONFIG_FILE: '' } : {};
}

/**
 * The folder that has `registry.terraform.io` with the AWS provider of that version for this platform. Throws
 * UsageError if LAMPLIGHTER_PROVIDER_MIRROR names a folder without it.
 */
export function findMirror(options: Omit<ProviderOptions, 'cliConfigFile' | 'cache'>): string | undefined {
  const { environment, home = homedir(), platform, providerVersion } = options;
  const has = (root: string) => hasProvider(root, providerVersion, platform);
  const named = rootNamed(environment.LAMPLIGHTER_PROVIDER_MIRROR);
  if (named !== undefined && !has(named)) {
    throw new UsageError(
      `LAMPLIGHTER_PROVIDER_MIRROR is "${named}", which does not hold ${REGISTRY}/${PROVIDER} ${providerVersion} for ${platform}.`,
    );
  }
  const cached = rootNamed(environment.TF_PLUGIN_CACHE_DIR);
  if (named === undefined && cached !== undefined && has(cached)) return cached;
  return named ?? search(options.places ?? [...PLACES, join(home, '.terraform.d')], has);
}

/** The mirror's folder: a variable may name the mirror, or the registry's folder in it. */
function rootNamed(path: string | undefined): string | undefined {
  if (path === undefined || path === '') return undefined;
  return basename(path) === REGISTRY ? dirname(resolve(path)) : resolve(path);
}

/** Searches breadth first, so that a deep tree cannot use up the bound before a mirror near the top is found. */
function search(places: readonly string[], has: (root: string) => boolean): string | undefined {
  let level = [...places];
  let searched = 0;
  for (let depth = 0; depth <= MAX_DEPTH; depth += 1) {
    const next: string[] = [];
    for (const folder of level) {
      searched += 1;
      if (searched > MAX_FOLDERS) return undefined;
      const inside = subfolders(folder);
      if (inside.includes(REGISTRY) && has(folder)) return folder;
      next.push(...inside.filter((name) => name !== 'node_modules').map((name) => join(folder, name)));
    }
    level = next;
  }
  return undefined;
}

/** Symbolic links are not followed: they may lead anywhere, even in circles. */
function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() || (entry.isSymbolicLink() && entry.name === REGISTRY))
      .map((entry) => entry.name)
      .sort();
  } catch {
    return [];
  }
}

/**
 * Whether a mirror has the provider, unpacked or zipped.
 * https://developer.hashicorp.com/terraform/cli/config/config-file#filesystem_mirror
 */
function hasProvider(root: string, version: string, platform: Platform): boolean {
  const folder = join(root, REGISTRY, PROVIDER);
  return (
    existsSync(join(folder, version, platform)) ||
    existsSync(join(folder, `terraform-provider-aws_${version}_${platform}.zip`))
  );
}

function cliConfiguration(mirror: string): string {
  const only = `["${REGISTRY}/${PROVIDER}"]`;
  return [
    'provider_installation {',
    '  filesystem_mirror {',
    `    path    = ${hclString(mirror)}`,
    `    include = ${only}`,
    '  }',
    '  direct {',
    `    exclude = ${only}`,
    '  }',
    '}',
    '',
  ].join('\n');
}

/** A JSON string is an HCL string, except for the template markers. */
function hclString(text: string): string {
  return JSON.stringify(text).replaceAll('${', '$${').replaceAll('%{', '%%{');
}

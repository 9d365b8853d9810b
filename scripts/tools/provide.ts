import { MissingError } from '../console/exit';
import { cacheDirectory } from './cache';
import type { Children } from './children';
import { provideMoto } from './moto';
import { provideProvider } from './provider-mirror';
import { type Terraform, provideTerraform } from './terraform';
import { platformOf } from './terraform-release';

/** The programs that the local cloud runs on. */
interface Tools {
  readonly moto: string;
  readonly terraform: Terraform;
  /** Environment variables for Terraform and cdktf. */
  readonly variables: Record<string, string>;
}

interface ToolsOptions {
  readonly children: Children;
  readonly signal: AbortSignal;
  /** The path of the Terraform CLI configuration that is written if this machine has a provider mirror. */
  readonly cliConfigFile: string;
  /** Called with each download before it begins, and at the end with the tools that are used. */
  readonly say: (text: string) => void;
}

/**
 * Finds the tools on this machine, or downloads them to the cache folder. Throws MissingError, which names what to install.
 */
export async function provideTools(options: ToolsOptions): Promise<Tools> {
  const { children, signal, say } = options;
  const [{ terraform, variables, text }, moto] = await Promise.all([
    provideTerraformTools(options),
    provideMoto({ children, cache: cacheDirectory(), signal, onInstall: say }),
  ]);
  say(`Terraform ${terraform.version} (${terraform.from}), moto (${moto.from}); AWS provider ${text}`);
  return { moto: moto.program, terraform, variables };
}

/** Terraform and its AWS provider only: a deployment to AWS needs no more. */
export async function provideTerraformTools(
  options: ToolsOptions,
): Promise<Omit<Tools, 'moto'> & { readonly text: string }> {
  const { children, signal, cliConfigFile, say } = options;
  const cache = cacheDirectory();
  const platform = platformOf(process.platform, process.arch);
  if (!platform) {
    throw new MissingError(
      `Lamplighter runs Terraform on Linux and macOS, on x86-64 and arm64; this is ${process.platform} on ${process.arch}.`,
    );
  }
  const terraform = await provideTerraform({ children, cache, signal, onDownload: say });
  const provider = await provideProvider({
    environment: process.env,
    platform,
    providerVersion: providerVersion(),
    cache,
    cliConfigFile,
  });
  const binary: Record<string, string> =
    terraform.from === 'PATH' ? {} : { TERRAFORM_BINARY_NAME: terraform.program };
  return { terraform, variables: { ...provider.environment, ...binary }, text: provider.text };
}

/** The provider version that the constructs were generated from. */
function providerVersion(): string {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the package has no other record of it
  const { cdktf } = require('@cdktf/provider-aws/package.json') as {
    cdktf: { provider: { version: string } };
  };
  return cdktf.provider.version;
}

import { build, type BuildOptions } from 'esbuild';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidInputError } from '../lifecycle/errors';
import { bundleCuts } from './bundle-cuts';
import { deterministicZip } from './deterministic-zip';

export type HandlerName = Exclude<Part, 'runner'>;

/** A file to deploy. By its hashes Terraform and the instance see whether it has changed. */
export interface Bundle {
  readonly content: Uint8Array;
  readonly sha256Hex: string;
  readonly sha256Base64: string;
}

export interface Bundles {
  /** One zip per function, with its index.js. */
  readonly handlers: Readonly<Record<HandlerName, Bundle>>;
  /** The runner: one ES module. */
  readonly runner: Bundle;
}

/** What runs as a bundle: three functions, and the runner on the instance. */
export const PARTS = ['trigger', 'worker', 'stop', 'runner'] as const;

export type Part = (typeof PARTS)[number];

/**
 * Bundles handlers/{trigger,worker,stop}.ts and runner/main.ts. Throws InvalidInputError if a file is missing, and
 * esbuild's own error if a file does not compile.
 * @param packageFolder Lamplighter's own folder, which holds handlers/ and runner/; the user's folder may be another
 */
export async function bundleSources(packageFolder: string): Promise<Bundles> {
  const code = (part: Part) => bundledCode(bundleOptions(packageFolder, part));
  const handler = async (name: HandlerName) =>
    hashed(deterministicZip([{ path: 'index.js', content: await code(name) }]));
  const [trigger, worker, stop, runner] = await Promise.all([
    handler('trigger'),
    handler('worker'),
    handler('stop'),
    code('runner').then(hashed),
  ]);
  return { handlers: { trigger, worker, stop }, runner };
}

/** The code of a function's index.js, or of the runner. */
export async function bundledCode(options: BundleOptions): Promise<Uint8Array> {
  const [file] = options.entryPoints;
  if (!existsSync(file))
    throw new InvalidInputError(`${file} is missing, so it cannot be bundled; restore it`);
  const { outputFiles } = await build({ ...options, write: false });
  const [output] = outputFiles;
  if (!output) throw new InvalidInputError(`esbuild produced no output for ${file}`);
  return output.contents;
}

/** Defines `require`, which an ES module lacks. CommonJS dependencies load Node's own modules with it. */
const REQUIRE_IN_ESM =
  "import { createRequire as lamplighterCreateRequire } from 'node:module';" +
  'const require = lamplighterCreateRequire(import.meta.url);';

export type BundleOptions = BuildOptions & { readonly entryPoints: readonly [string] };

/** How esbuild makes a part's bundle. */
export function bundleOptions(packageFolder: string, part: Part): BundleOptions {
  const isRunner = part === 'runner';
  const file = isRunner ? join('runner', 'main.ts') : join('handlers', `${part}.ts`);
  return {
    ...(isRunner
      ? { format: 'esm', target: 'node20', banner: { js: REQUIRE_IN_ESM } }
      : { format: 'cjs', target: 'node22' }),
    entryPoints: [join(packageFolder, file)],
    plugins: [bundleCuts(isRunner ? 'environment or instance' : 'environment')],
    // The output contains paths relative to this folder. With the caller's working directory the output would vary.
    absWorkingDir: packageFolder,
    bundle: true,
    minify: true,
    platform: 'node',
    // ES modules first: of CommonJS modules, esbuild cannot drop what no code reaches.
    mainFields: ['module', 'main'],
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'silent',
    // A tsconfig.json in a parent folder must not change the output.
    tsconfigRaw: {},
  };
}

export function hashed(content: Uint8Array): Bundle {
  const sha256 = createHash('sha256').update(content).digest();
  return { content, sha256Hex: sha256.toString('hex'), sha256Base64: sha256.toString('base64') };
}

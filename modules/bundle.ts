import { buildSync, type BuildOptions } from 'esbuild';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidInputError } from '../lifecycle/errors';
import { deterministicZip } from './deterministic-zip';

export type HandlerName = 'trigger' | 'worker' | 'stop';

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

/**
 * Bundles handlers/{trigger,worker,stop}.ts and runner/main.ts. Throws InvalidInputError if a file is missing, and
 * esbuild's own error if a file does not compile.
 * @param packageFolder Lamplighter's own folder, which holds handlers/ and runner/; the user's folder may be another
 */
export function bundleSources(packageFolder: string): Bundles {
  return {
    handlers: {
      trigger: handlerBundle(packageFolder, 'trigger'),
      worker: handlerBundle(packageFolder, 'worker'),
      stop: handlerBundle(packageFolder, 'stop'),
    },
    runner: runnerBundle(packageFolder),
  };
}

function handlerBundle(packageFolder: string, name: HandlerName): Bundle {
  const content = build(packageFolder, join('handlers', `${name}.ts`), { format: 'cjs', target: 'node22' });
  return hashed(deterministicZip([{ path: 'index.js', content }]));
}

/** Defines `require`, which an ES module lacks. CommonJS dependencies load Node's own modules with it. */
const REQUIRE_IN_ESM =
  "import { createRequire as lamplighterCreateRequire } from 'node:module';" +
  'const require = lamplighterCreateRequire(import.meta.url);';

function runnerBundle(packageFolder: string): Bundle {
  const main = join('runner', 'main.ts');
  return hashed(
    build(packageFolder, main, { format: 'esm', target: 'node20', banner: { js: REQUIRE_IN_ESM } }),
  );
}

function build(packageFolder: string, entry: string, options: BuildOptions): Uint8Array {
  const file = join(packageFolder, entry);
  if (!existsSync(file))
    throw new InvalidInputError(`${file} is missing, so it cannot be bundled; restore it`);
  const { outputFiles } = buildSync({
    ...options,
    // The output contains paths relative to this folder. With the caller's working directory the output would vary.
    absWorkingDir: packageFolder,
    entryPoints: [file],
    bundle: true,
    minify: true,
    platform: 'node',
    charset: 'utf8',
    legalComments: 'none',
    write: false,
    logLevel: 'silent',
    // A tsconfig.json in a parent folder must not change the output.
    tsconfigRaw: {},
  });
  const [output] = outputFiles;
  if (!output) throw new InvalidInputError(`esbuild produced no output for ${file}`);
  return output.contents;
}

export function hashed(content: Uint8Array): Bundle {
  const sha256 = createHash('sha256').update(content).digest();
  return { content, sha256Hex: sha256.toString('hex'), sha256Base64: sha256.toString('base64') };
}

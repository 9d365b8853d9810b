import { buildSync, type BuildOptions } from 'esbuild';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidInputError } from '../lifecycle/errors';
import { deterministicZip } from './deterministic-zip';

export const handlerNames = ['trigger', 'worker', 'stop'] as const;
export type HandlerName = (typeof handlerNames)[number];

/** A file to be deployed, with the hashes that tell Terraform and the instance whether it has changed. */
export interface Bundle {
  readonly content: Uint8Array;
  readonly sha256Hex: string;
  readonly sha256Base64: string;
}

export interface Bundles {
  /** For each function a zip with its index.js. */
  readonly handlers: Readonly<Record<HandlerName, Bundle>>;
  /** The runner, one ES module. */
  readonly runner: Bundle;
}

/**
 * Bundles handlers/{trigger,worker,stop}.ts and runner/main.ts. Throws InvalidInputError when one of them is missing,
 * and esbuild's own error when one does not compile.
 * @param packageFolder Lamplighter's own folder, which holds handlers/ and runner/; the user's folder is another
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

/** Dependencies that are CommonJS call require for Node's own modules, which an ES module does not have. */
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
  if (!existsSync(file)) throw new InvalidInputError(`${file} is missing; it cannot be bundled`);
  const { outputFiles } = buildSync({
    ...options,
    // Paths in the output are relative to this folder, so it must not be the caller's.
    absWorkingDir: packageFolder,
    entryPoints: [file],
    bundle: true,
    minify: true,
    platform: 'node',
    charset: 'utf8',
    legalComments: 'none',
    write: false,
    logLevel: 'silent',
    // A tsconfig.json of some folder above must not change the output.
    tsconfigRaw: {},
  });
  const [output] = outputFiles;
  if (!output) throw new InvalidInputError(`esbuild made nothing of ${file}`);
  return output.contents;
}

export function hashed(content: Uint8Array): Bundle {
  const sha256 = createHash('sha256').update(content).digest();
  return { content, sha256Hex: sha256.toString('hex'), sha256Base64: sha256.toString('base64') };
}

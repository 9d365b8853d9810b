import { build, type Plugin } from 'esbuild';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type { Mutation } from './mutations';

const ROOT = join(__dirname, '..');
const BUNDLES = join(ROOT, 'dist', 'simulation');
/** Age at which a bundle is removed, in milliseconds. No run takes that long. */
const KEPT_MS = 24 * 3_600_000;

/**
 * Bundles the simulator with the production code that it runs, and returns the path of the bundle. A mutation is
 * applied to the bundle only, so that no production build contains one.
 *
 * A bundle starts faster than modules that are compiled at run time. Its name contains the hash of its content: a
 * long run starts new processes from the same bundle, even when the code has changed meanwhile.
 *
 * Throws if the text of the mutation is not found exactly once. Then the code has changed and the mutation must
 * follow.
 */
export async function bundleSimulator(mutation?: Mutation): Promise<string> {
  const name = mutation?.name.replace(/[^a-z0-9]+/gi, '-') ?? 'simulator';
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [join(ROOT, 'simulation', 'child.ts')],
    bundle: true,
    platform: 'node',
    target: 'node20',
    write: false,
    logLevel: 'error',
    plugins: [bareCommands, ...(mutation ? [mutating(mutation)] : [])],
  });
  const [output] = outputFiles;
  if (!output) throw new Error('esbuild has made no bundle of simulation/child.ts');
  const hash = createHash('sha256').update(output.contents).digest('hex').slice(0, 16);
  const bundle = join(BUNDLES, `${name}-${hash}.cjs`);
  await mkdir(BUNDLES, { recursive: true });
  // The file gets its final name when it is complete. Otherwise a process that starts now could read half of it.
  const unfinished = `${bundle}.${randomUUID()}`;
  await writeFile(unfinished, output.contents);
  await rename(unfinished, bundle);
  await removeOldBundles();
  return bundle;
}

/** A bundle that another process has removed meanwhile is no error. */
async function removeOldBundles(): Promise<void> {
  for (const name of await readdir(BUNDLES)) {
    const file = join(BUNDLES, name);
    const written = await stat(file).catch(() => undefined);
    if (written && Date.now() - written.mtimeMs > KEPT_MS) await rm(file, { force: true });
  }
}

/**
 * Replaces each SDK module by its command classes, each with its input only. `send` is the seam, so that nothing else
 * of the SDK is used. Without the middleware stacks of the real commands a history takes a tenth less time.
 */
const bareCommands: Plugin = {
  name: 'bare commands',
  setup: (simulator) => {
    simulator.onResolve({ filter: /^@aws-sdk\// }, ({ path }) => ({ path, namespace: 'commands' }));
    simulator.onLoad({ filter: /.*/, namespace: 'commands' }, ({ path }) => {
      const names = Object.keys(createRequire(__filename)(path) as object);
      const classes = names.filter((name) => /^[A-Z]\w*(Command|Client)$|^Upload$/.test(name));
      const bare = (name: string) => `export class ${name} { constructor(input) { this.input = input; } }`;
      return { contents: classes.map(bare).join('\n') };
    });
  },
};

export async function mutatedText({ name, file, text, replacement }: Mutation): Promise<string> {
  const source = await readFile(join(ROOT, file), 'utf8');
  const found = source.split(text).length - 1;
  if (found !== 1) {
    throw new Error(
      `mutation "${name}": ${file} contains its text ${found} times, not once. The code has changed: adapt the mutation`,
    );
  }
  // With a function, a `$` in the replacement is an ordinary character.
  return source.replace(text, () => replacement);
}

function mutating(mutation: Mutation): Plugin {
  const target = resolve(ROOT, mutation.file);
  return {
    name: 'mutate',
    setup: (simulator) => {
      simulator.onLoad({ filter: /\.ts$/ }, async ({ path }) =>
        path === target ? { contents: await mutatedText(mutation), loader: 'ts' } : undefined,
      );
    },
  };
}

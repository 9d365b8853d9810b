import { build, type Plugin } from 'esbuild';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type { Mutation } from './mutations';

const ROOT = join(__dirname, '..');
const BUNDLES = join(ROOT, 'dist', 'simulation');
/** No run takes so long; then its bundle is nobody's any more. */
const KEPT_MS = 24 * 3_600_000;

/**
 * Bundles the simulator with the production code it runs, mutated if asked for; the path of the bundle. A bundle is
 * faster than modules compiled on the way, and production builds never see a mutation. Its content's hash is in its name: a
 * long run starts new processes from it, which have to run what the first ones ran. Throws when the mutation's text is
 * not found exactly once: the code has moved on, and the mutation must follow.
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
  // Under another name first: a process that is just starting from the same bundle never reads half of it.
  const unfinished = `${bundle}.${randomUUID()}`;
  await writeFile(unfinished, output.contents);
  await rename(unfinished, bundle);
  await removeOldBundles();
  return bundle;
}

/** Others may be at it as well, so one that is gone is no error. */
async function removeOldBundles(): Promise<void> {
  for (const name of await readdir(BUNDLES)) {
    const file = join(BUNDLES, name);
    const written = await stat(file).catch(() => undefined);
    if (written && Date.now() - written.mtimeMs > KEPT_MS) await rm(file, { force: true });
  }
}

/**
 * Of the SDK only the commands get here, and of a command only its class and its input: `send` is the seam. Made without their
 * middleware stacks, which nobody would run, they cost a tenth less time in all.
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
      `mutation "${name}": its text is found ${found} times in ${file}, and must be found once`,
    );
  }
  // A function, so that a `$` in the replacement stands for itself.
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

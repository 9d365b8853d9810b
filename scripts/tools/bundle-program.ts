import { build } from 'esbuild';
import { basename, join } from 'node:path';

/** Bundles a TypeScript program into one file of plain JavaScript, which starts fast. Returns the file's path. */
export async function bundleProgram(entry: string, folder: string, minify = false): Promise<string> {
  const outfile = join(folder, `${basename(entry, '.ts')}.cjs`);
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'error',
    minify,
  });
  return outfile;
}

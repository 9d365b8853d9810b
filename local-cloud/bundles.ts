import { build } from 'esbuild';
import { join } from 'node:path';

/** The two programs of the local cloud that run as processes of their own, in plain JavaScript, to start fast. */
export interface Bundles {
  /** Runs a function's code. */
  readonly functionBootstrap: string;
  /** The sandbox's `aws`. */
  readonly sandboxAws: string;
}

/** Bundles both into a folder. */
export async function bundlePrograms(folder: string): Promise<Bundles> {
  const bundles = {
    functionBootstrap: join(folder, 'function-bootstrap.cjs'),
    sandboxAws: join(folder, 'sandbox-aws.cjs'),
  };
  const common = {
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'error',
  } as const;
  await Promise.all([
    build({
      ...common,
      entryPoints: [join(__dirname, 'lambda', 'function-bootstrap.ts')],
      outfile: bundles.functionBootstrap,
    }),
    build({
      ...common,
      entryPoints: [join(__dirname, 'machine', 'sandbox-aws.ts')],
      outfile: bundles.sandboxAws,
      minify: true,
    }),
  ]);
  return bundles;
}

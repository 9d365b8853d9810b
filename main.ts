import { App } from 'cdktf';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LamplighterError } from './lifecycle/errors';
import { bundleSources } from './modules/bundle';
import { Pipeline } from './modules/pipeline';
import { readPipelines } from './modules/settings';
import { localSettings } from './modules/settings/local-cloud';

/** Lamplighter's own files: handlers/, runner/, modules/. */
const PACKAGE_FOLDER = __dirname;
/** The user's files: cdktf.json, the model folders, and Terraform's state. Today the user works in the package's folder. */
const PROJECT_FOLDER = __dirname;

/** Reads the settings and makes one stack per pipeline. */
async function main(): Promise<void> {
  const app = new App(outputOption());
  const context: unknown = app.node.tryGetContext('pipelines') ?? readContext(PROJECT_FOLDER);
  let pipelines = readPipelines(context, PROJECT_FOLDER);
  if (process.env.LAMPLIGHTER_CLOUD === 'local') {
    pipelines = readPipelines(localSettings(context), PROJECT_FOLDER);
  }
  const bundles = await bundleSources(PACKAGE_FOLDER);
  for (const settings of pipelines) new Pipeline(app, { settings, bundles });
  app.synth();
}

/** The cdktf command passes its folder in CDKTF_OUTDIR. Without that command, `lamplighter env` names the folder as for cdktf. */
function outputOption(): { readonly outdir?: string } {
  const { CDKTF_OUTDIR, CDKTF_OUTPUT } = process.env;
  return CDKTF_OUTDIR === undefined && CDKTF_OUTPUT !== undefined ? { outdir: CDKTF_OUTPUT } : {};
}

/** The cdktf command passes the context of cdktf.json. Without that command (`npm run synth`), read the file. */
function readContext(projectFolder: string): unknown {
  const file = JSON.parse(readFileSync(join(projectFolder, 'cdktf.json'), 'utf8')) as {
    context?: { pipelines?: unknown };
  };
  return file.context?.pipelines;
}

main().catch((error: unknown) => {
  if (!(error instanceof LamplighterError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});

import { App } from 'cdktf';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LamplighterError } from './lifecycle/errors';
import { bundleSources } from './modules/bundle';
import { Pipeline } from './modules/pipeline';
import { readPipelines } from './modules/settings';
import { withoutAccount } from './modules/settings/local-cloud';

/** Reads the settings and makes one stack per pipeline. */
function main(): void {
  const app = new App();
  const given: unknown = app.node.tryGetContext('pipelines') ?? contextOfProject();
  let pipelines = readPipelines(given, __dirname);
  if (process.env.LAMPLIGHTER_CLOUD === 'local') pipelines = readPipelines(withoutAccount(given), __dirname);
  const bundles = bundleSources(__dirname);
  for (const settings of pipelines) new Pipeline(app, { settings, bundles });
  app.synth();
}

/** The cdktf command hands the context over; without it (npx tsx main.ts) it is read from the same file. */
function contextOfProject(): unknown {
  const project = JSON.parse(readFileSync(join(__dirname, 'cdktf.json'), 'utf8')) as {
    context?: { pipelines?: unknown };
  };
  return project.context?.pipelines;
}

try {
  main();
} catch (error) {
  if (!(error instanceof LamplighterError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

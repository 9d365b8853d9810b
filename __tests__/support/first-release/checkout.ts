import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_FOLDER } from '../../../scripts/tools/project';
import { Checkout } from '../checkout';
import { firstReleaseBundle } from './bundles';

type Release = 'first' | 'present';

const FUNCTIONS = ['trigger', 'worker', 'stop'] as const;

/** The environment variables as the first release's own deploy set them: without keys that a later one added. */
const FUNCTION_ENVIRONMENT = `
const models = JSON.parse(process.env.LAMPLIGHTER_MODELS ?? '[]');
process.env.LAMPLIGHTER_MODELS = JSON.stringify(
  models.map(({ name, digest, zipKey, zipVersionId, prefix, suffixes }) =>
    ({ name, digest, zipKey, zipVersionId, prefix, suffixes })),
);
process.env.LAMPLIGHTER_LINGER_SECONDS ??= '0';
process.env.LAMPLIGHTER_TIME_LIMIT_SECONDS ??= '120';
process.env.LAMPLIGHTER_BREAKER_WAKE_UPS ??= '3';
process.env.LAMPLIGHTER_METRICS ??= 'off';
`;

/** In the text of the deployed runner if it is of the first release. */
export const MARK_OF_FIRST_RELEASE = '-of-first-release.json';

/** The same for config.json: the first release's runner gets a copy with the keys that it knows. */
const RUNNER_CONFIG = `
import { readFileSync, writeFileSync } from 'node:fs';
const at = process.argv.indexOf('--config') + 1;
const { version, pipeline, region, dataBucket, outputBucket, controlBucket, ...more } =
  JSON.parse(readFileSync(process.argv[at], 'utf8'));
const { leaseSeconds = 600, idleShutdownMinutes = 30 } = more;
const names = { version, pipeline, region, dataBucket, outputBucket, controlBucket };
process.argv[at] = process.argv[at].replace(/\\.json$/, '${MARK_OF_FIRST_RELEASE}');
writeFileSync(process.argv[at], JSON.stringify({ ...names, leaseSeconds, idleShutdownMinutes }));
`;

/** A copy of the deployed code, whose functions and runner are of the first or of the present release. */
export class ReleasesCheckout extends Checkout {
  functionsAndRunner(release: Release): void {
    for (const folder of ['handlers', 'runner']) {
      cpSync(join(PACKAGE_FOLDER, folder), join(this.path, folder), { recursive: true });
    }
    if (release === 'present') return;
    this.write('handlers/first-release-environment.js', FUNCTION_ENVIRONMENT);
    this.write('handlers/first-release.cjs', firstReleaseBundle('functions.cjs'));
    for (const name of FUNCTIONS) {
      const handler = `export { ${name} as handler } from './first-release.cjs';\n`;
      this.write(`handlers/${name}.ts`, `import './first-release-environment.js';\n${handler}`);
    }
    this.write('runner/first-release-config.mjs', RUNNER_CONFIG);
    this.write('runner/first-release.mjs', firstReleaseBundle('runner.mjs'));
    this.write('runner/main.ts', "import './first-release-config.mjs';\nimport './first-release.mjs';\n");
  }

  private write(file: string, text: string): void {
    writeFileSync(join(this.path, file), text);
  }
}

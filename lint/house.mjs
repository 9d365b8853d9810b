/**
 * Which folder may import which: the table of docs/ARCHITECTURE.md, "The house". A folder may import itself, the folders of
 * its row, packages, and nothing else. The longest matching folder decides.
 */
const ACCOUNT = ['modules', 'lifecycle'];
const CONSOLE = ['scripts/console', ...ACCOUNT];
const TOOLS = ['scripts/tools', ...CONSOLE];
const WIRE = ['local-cloud/wire', 'local-cloud/clockwork', ...TOOLS];
const SERVICE = ['local-cloud/moto', ...WIRE, 'local-cloud/machine/port.ts'];
const CLOUD = ['local-cloud', ...TOOLS];
const PIPELINE = ['scripts/pipeline', ...CLOUD];
const PRICES = ['scripts/prices', ...PIPELINE];
const COMPUTED = ['scripts/report', 'scripts/doctor', 'scripts/plan', 'scripts/iam'];

export const HOUSE = {
  lifecycle: [],
  modules: ['lifecycle'],
  'main.ts': ACCOUNT,
  handlers: ['lifecycle'],
  runner: ['lifecycle'],
  simulation: ['handlers', 'runner', 'lifecycle', 'local-cloud/wire/token-buckets.ts'],
  bench: ['simulation', 'local-cloud', 'scripts/tools', 'modules', 'lifecycle'],

  'scripts/console': ACCOUNT,
  'scripts/tools': CONSOLE,
  'local-cloud/clockwork': TOOLS,
  'local-cloud/wire': ['local-cloud/clockwork', ...TOOLS],
  'local-cloud/moto': WIRE,
  'local-cloud/machine': ['local-cloud/moto', ...WIRE],
  ...Object.fromEntries(
    ['s3', 'ec2', 'ssm', 'lambda', 'eventbridge', 'iam', 'logs'].map((service) => [
      `local-cloud/${service}`,
      SERVICE,
    ]),
  ),
  'local-cloud': TOOLS,
  'scripts/pipeline': CLOUD,
  'scripts/prices': PIPELINE,
  ...Object.fromEntries(COMPUTED.map((folder) => [folder, PRICES])),
  'scripts/commands': ['runner', ...COMPUTED, ...PRICES],
  'scripts/lamplighter.ts': ['scripts/commands', ...CONSOLE, 'scripts/tools'],
};

/** The table as zones of the rule `import-x/no-restricted-paths`. */
export function zones(root) {
  return Object.entries(HOUSE).map(([folder, mayImport]) => ({
    target: targetOf(folder),
    from: root,
    except: [...new Set([folder, ...mayImport, 'node_modules'])].map((allowed) => `./${allowed}`),
    message: `${folder} may import ${mayImport.join(', ') || 'no other folder'} (docs/ARCHITECTURE.md, "The house").`,
  }));

  /** A folder with rooms of its own in the table: only the files that lie directly in it. */
  function targetOf(folder) {
    const hasRooms = Object.keys(HOUSE).some((other) => other.startsWith(`${folder}/`));
    return hasRooms ? `${root}/${folder}/*.ts` : `${root}/${folder}`;
  }
}

import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundledCode, bundleOptions, PARTS, type BundleOptions, type Part } from '../modules/bundle';
import { commandsIn } from '../modules/bundle-commands';
import { median, type Benchmark, type Measured } from './bench';

const ROOT = join(__dirname, '..');

/** CPU time and memory of a process. */
interface Usage {
  readonly cpuMs: number;
  readonly megabytes: number;
}

/** A program to start. `bytes` is undefined if its code is in many files. */
interface Program {
  readonly part: Part;
  readonly variant: (typeof VARIANTS)[number]['variant'];
  readonly arguments: readonly string[];
  readonly bytes: number | undefined;
}

/**
 * `deployed`: the part as Terraform uploads it. `floor`: the same bundle with nothing in it but the clients and their
 * commands. `esbuild`: the same source without our cuts. `unbundled`: the same source, with the SDK from node_modules.
 */
const VARIANTS = [
  { variant: 'deployed', name: '' },
  { variant: 'floor', name: ', floor' },
  { variant: 'esbuild', name: ', plain esbuild' },
  { variant: 'unbundled', name: ', unbundled' },
] as const;

/** The goals of each part: milliseconds of CPU over bare node, kilobytes, megabytes. */
const GOAL = { cpuMs: 40, kilobytes: 500, megabytes: 80 };

/** What it costs to start each part, until it would send its first request. */
export const cold: Benchmark = {
  name: 'cold',
  description:
    'What a start costs: CPU over bare node, code, and peak memory, until the clients are made and the first request would ' +
    'go out. Floor: an empty bundle that makes the same clients, with the same commands.',
  rounds: 9,
  async measure(rounds, progress) {
    const folder = await mkdtemp(join(tmpdir(), 'cold-'));
    try {
      const { bare, programs } = await prepare(folder);
      const nodes: Usage[] = [];
      const usages = new Map<Program, Usage[]>(programs.map((program) => [program, []]));
      for (let round = 0; round < rounds; round += 1) {
        progress(`round ${round + 1} of ${rounds}`);
        nodes.push(await usageOf(folder, bare));
        for (const program of programs) usages.get(program)?.push(await usageOf(folder, program.arguments));
      }
      return [
        { name: 'node: CPU', unit: 'ms', samples: nodes.map(({ cpuMs }) => cpuMs) },
        { name: 'node: memory', unit: 'MB', samples: nodes.map(({ megabytes }) => megabytes) },
        ...[...usages].flatMap(([program, all]) => lines(program, all, nodes)),
      ];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

function lines(program: Program, usages: readonly Usage[], nodes: readonly Usage[]): Measured[] {
  const { part, variant, bytes } = program;
  const isDeployed = variant === 'deployed';
  const name = part + (VARIANTS.find((each) => each.variant === variant)?.name ?? '');
  const bareMs = median(nodes.map(({ cpuMs }) => cpuMs));
  const line = (what: string, unit: string, most: number, samples: readonly number[]): Measured => ({
    name: `${name}: ${what}`,
    unit,
    samples,
    ...(isDeployed ? { goal: { most } } : {}),
    ...(variant === 'floor' ? {} : { beside: `${part}, floor: ${what}` }),
  });
  return [
    line(
      'CPU',
      'ms',
      GOAL.cpuMs,
      usages.map(({ cpuMs }) => cpuMs - bareMs),
    ),
    ...(bytes === undefined ? [] : [line('code', 'kB', GOAL.kilobytes, [bytes / 1000])]),
    line(
      'memory',
      'MB',
      GOAL.megabytes,
      usages.map(({ megabytes }) => megabytes),
    ),
  ];
}

/** Writes all programs into a folder. `bare`: the arguments of node for an empty program. */
export async function prepare(
  folder: string,
): Promise<{ bare: readonly string[]; programs: readonly Program[] }> {
  const write = async (name: string, text: string | Uint8Array) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  await write('usage.cjs', USAGE);
  const start = await write('start.cjs', START);
  const bare = await write('bare.cjs', '');
  await write('config.json', JSON.stringify(CONFIG));
  // The runner needs this to be a folder, and it is nothing. So the runner ends when it has made its client.
  await symlink('nowhere', join(folder, 'run'));
  const all = PARTS.flatMap((part) => VARIANTS.map(({ variant }) => ({ part, variant })));
  const programs = all.map(async ({ part, variant }): Promise<Program> => {
    const options = await optionsOf(part, variant);
    const code = options.stdin ? await codeOf(options) : await bundledCode(options);
    const file = await write(`${part}-${variant}.${options.format === 'esm' ? 'mjs' : 'cjs'}`, code);
    const isRunner = part === 'runner';
    return {
      ...{ part, variant },
      arguments: isRunner ? [file, 'drain', '--config', join(folder, 'config.json')] : [start, file],
      bytes: variant === 'unbundled' ? undefined : code.length,
    };
  });
  return { bare: [bare], programs: await Promise.all(programs) };
}

async function optionsOf(part: Part, variant: Program['variant']): Promise<BundleOptions> {
  const options = bundleOptions(ROOT, part);
  switch (variant) {
    case 'deployed':
      return options;
    case 'floor':
      return { ...options, stdin: { contents: await floorOf(part), resolveDir: ROOT, loader: 'ts' } };
    case 'esbuild':
      return { ...options, plugins: [], mainFields: ['main', 'module'] };
    case 'unbundled':
      // Node finds packages by NODE_PATH in CommonJS only.
      return { ...options, plugins: [], packages: 'external', minify: false, format: 'cjs', banner: {} };
  }
}

async function codeOf({ entryPoints: _, ...options }: BundleOptions): Promise<Uint8Array> {
  const { outputFiles } = await build({ ...options, write: false });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

async function floorOf(part: Part): Promise<string> {
  const commands = [...(await commandsIn(ROOT, part))];
  if (part === 'runner') commands.push(['Upload', 'lib-storage']);
  const names = commands.map(([command]) => command).join(', ');
  const imports = commands.map(([command, client]) => {
    const name = client === 'lib-storage' ? client : `client-${client}`;
    return `import { ${command} } from '@aws-sdk/${name}';`;
  });
  return [...imports, FLOORS[part], `export const commands = [${names}];`].join('\n');
}

const LEDGER_FLOOR = `import { ledgerClients } from './lifecycle/clients';
  export const handler = async () => ledgerClients();`;
const FLOORS: Readonly<Record<Part, string>> = {
  trigger: LEDGER_FLOOR,
  stop: LEDGER_FLOOR,
  worker: `import { ec2Client, ssmClient } from './lifecycle/clients';
    export const handler = async () => [ec2Client(), ssmClient()];`,
  runner: `import { s3Client } from './runner/s3-client';
    export const client = s3Client('eu-central-1');`,
};

/** Prints what the process has used until its end. Loaded before the program. */
const USAGE = `process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  require('node:fs').writeSync(3, JSON.stringify({ cpuMs: (userCPUTime + systemCPUTime) / 1000, megabytes: maxRSS / 1024 }));
});`;

/** Calls a handler, which makes the clients, and ends the process before a request could go out. */
const START = `require(process.argv[2]).handler({ Event: 's3:TestEvent' }, { awsRequestId: 'r' }).catch(() => undefined);
process.exit(0);`;

const MODEL = { name: 'm', digest: 'a'.repeat(64), zipKey: 'z', zipVersionId: 'v', prefix: '', suffixes: [] };
const ENVIRONMENT = {
  NODE_PATH: join(ROOT, 'node_modules'),
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'a',
  AWS_SECRET_ACCESS_KEY: 'b',
  LAMPLIGHTER_PIPELINE: 'p',
  LAMPLIGHTER_DATA_BUCKET: 'd',
  LAMPLIGHTER_OUTPUT_BUCKET: 'o',
  LAMPLIGHTER_CONTROL_BUCKET: 'c',
  LAMPLIGHTER_INSTANCE_ID: 'i-0123456789abcdef0',
  LAMPLIGHTER_WORKER_FUNCTION: 'p-worker',
  LAMPLIGHTER_DOCUMENT: 'd',
  LAMPLIGHTER_DRAIN_LOG_GROUP: '/g',
  LAMPLIGHTER_MODELS: JSON.stringify([MODEL]),
  LAMPLIGHTER_TIME_LIMIT_SECONDS: '60',
  LAMPLIGHTER_BREAKER_WAKE_UPS: '3',
  LAMPLIGHTER_LINGER_SECONDS: '0',
  LAMPLIGHTER_METRICS: 'on',
  LAMPLIGHTER_BOOT_ID: 'b',
};
const CONFIG = {
  version: 1,
  pipeline: 'p',
  region: 'eu-central-1',
  dataBucket: 'd',
  outputBucket: 'o',
  controlBucket: 'c',
  leaseSeconds: 900,
  idleShutdownMinutes: 15,
};

/** The environment in which each program makes its clients. */
export const startEnvironment = (folder: string): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  HOME: folder,
  ...ENVIRONMENT,
});

async function usageOf(folder: string, program: readonly string[]): Promise<Usage> {
  const child = spawn(process.execPath, ['--require', join(folder, 'usage.cjs'), ...program], {
    cwd: folder,
    env: startEnvironment(folder),
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stdio[3]?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  return JSON.parse(output) as Usage;
}

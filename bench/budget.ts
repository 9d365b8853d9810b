import { Command } from 'commander';
import { build } from 'esbuild';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundleOptions, PARTS, type Part } from '../modules/bundle';
import { prepare, startEnvironment } from './cold';

const ROOT = join(__dirname, '..');
const FILE = join(ROOT, 'bench', 'budget.json');

/** How much more than recorded is allowed. callgrind's counts vary by less than 0.1 % from run to run. */
const TOLERANCE = 0.02;

/** Bytes of a bundle, in all and of each package or folder of ours. */
interface Size {
  readonly bytes: number;
  readonly packages: Readonly<Record<string, number>>;
}

/** What `bench/budget.json` holds. */
export interface Budget {
  readonly sizes: Readonly<Record<Part, Size>>;
  /**
   * Instructions of a start, as a multiple of bare node's in the same run: that number depends less on the version of node and
   * on the processor.
   */
  readonly starts: Readonly<Record<string, number>>;
}

/** What is over the budget, and what has grown. Empty: nothing is. */
export function overBudget(recorded: Budget, measured: Budget): string[] {
  const sizes = PARTS.flatMap((part) => {
    const [before, now] = [recorded.sizes[part], measured.sizes[part]];
    if (now.bytes <= before.bytes * (1 + TOLERANCE)) return [];
    return [`${part}: ${now.bytes} bytes instead of ${before.bytes}. Grown: ${grown(before, now)}`];
  });
  const starts = Object.entries(recorded.starts).flatMap(([name, before]) => {
    const now = measured.starts[name] ?? Infinity;
    if (now <= before * (1 + TOLERANCE)) return [];
    return [`${name}: a start takes ${now.toFixed(3)} × the instructions of bare node instead of ${before}`];
  });
  return [...sizes, ...starts];
}

function grown(before: Size, now: Size): string {
  return Object.entries(now.packages)
    .map(([name, bytes]) => ({ name, more: bytes - (before.packages[name] ?? 0) }))
    .filter(({ more }) => more > 0)
    .sort((a, b) => b.more - a.more)
    .slice(0, 5)
    .map(({ name, more }) => `${name} by ${more}`)
    .join(', ');
}

async function measure(): Promise<Budget> {
  const sizes = await Promise.all(PARTS.map(async (part) => [part, await sizeOf(part)] as const));
  return { sizes: Object.fromEntries(sizes) as Budget['sizes'], starts: await measureStarts() };
}

async function sizeOf(part: Part): Promise<Size> {
  const { metafile } = await build({ ...bundleOptions(ROOT, part), write: false, metafile: true });
  const packages: Record<string, number> = {};
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path.split('/')[0] ?? path;
      packages[name] = (packages[name] ?? 0) + bytesInOutput;
    }
  }
  const bytes = Object.values(metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
  return { bytes, packages: Object.fromEntries(Object.entries(packages).sort()) };
}

async function measureStarts(): Promise<Record<string, number>> {
  const folder = await mkdtemp(join(tmpdir(), 'budget-'));
  try {
    const { bare, programs } = await prepare(folder);
    const lamplighter = [join(ROOT, 'bin', 'lamplighter.js'), '--help'];
    // The first start fills the cache of the command line.
    await promisify(execFile)(process.execPath, lamplighter);
    const starts = new Map<string, readonly string[]>([['lamplighter --help', lamplighter]]);
    for (const { part, variant, arguments: args } of programs) {
      if (variant === 'deployed') starts.set(part, args);
    }
    const floor = await instructionsOf(bare, folder);
    const counted: Record<string, number> = {};
    for (const [name, args] of starts) {
      counted[name] = Number(((await instructionsOf(args, folder)) / floor).toFixed(3));
    }
    return counted;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Instructions of a process of node without threads and without chance, counted by callgrind. */
async function instructionsOf(args: readonly string[], folder: string): Promise<number> {
  const node = [process.execPath, '--single-threaded', '--predictable', '--hash-seed=1', ...args];
  const valgrind = ['--tool=callgrind', '--callgrind-out-file=/dev/null', '--', ...node];
  const options = { cwd: folder, env: startEnvironment(folder), maxBuffer: 64 * 2 ** 20 };
  const { stderr } = await promisify(execFile)('valgrind', valgrind, options).catch((error: unknown) => {
    // The runner ends with an error of its own, when it has made its client.
    if (typeof error === 'object' && error !== null && 'stderr' in error) return error as { stderr: string };
    throw error;
  });
  const counted = /Collected : (\d+)/.exec(stderr)?.[1];
  if (counted === undefined) throw new Error(`valgrind counted nothing: ${stderr.slice(-500)}`);
  return Number(counted);
}

async function run({ record }: { record?: true }): Promise<void> {
  const hasValgrind = await promisify(execFile)('valgrind', ['--version']).then(
    () => true,
    () => false,
  );
  if (!hasValgrind) {
    const isRequired = Boolean(process.env.LAMPLIGHTER_REQUIRE_TOOLS) || record;
    process.stderr.write(
      `${isRequired ? 'FAILED' : 'SKIPPED'}: valgrind is missing. Install it, for example with \`apt-get install valgrind\`.\n`,
    );
    process.exitCode = isRequired ? 1 : 0;
    return;
  }
  const measured = await measure();
  if (record) {
    await writeFile(FILE, `${JSON.stringify(measured, undefined, 2)}\n`);
    return;
  }
  const over = overBudget(JSON.parse(await readFile(FILE, 'utf8')) as Budget, measured);
  for (const line of over) process.stdout.write(`over the budget: ${line}\n`);
  if (over.length === 0) process.stdout.write('All starts and sizes are within the budget.\n');
  else process.stdout.write('If that is wanted: npm run budget -- --record\n');
  process.exitCode = over.length === 0 ? 0 : 1;
}

if (require.main === module) {
  new Command('budget')
    .description('Compares the bundles’ bytes and the instructions of each start with bench/budget.json')
    .option('--record', 'write what is measured as the new budget')
    .action(run)
    .parseAsync()
    .catch((error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = 2;
    });
}

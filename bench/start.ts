import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Children } from '../scripts/tools/children';
import { PACKAGE_FOLDER } from '../scripts/tools/project';
import { provideTools } from '../scripts/tools/provide';
import type { Benchmark, Measured } from './bench';

/** What a fresh clone does not have. `npm ci` makes node_modules, which is linked. */
const NOT_IN_A_CLONE = ['.git', '.lamplighter', 'cdktf.out', 'coverage', 'dist', 'node_modules'];

/** Milliseconds after which a start or an apply has failed. */
const LIMIT_MS = 300_000;

/** The times of one round, in seconds. */
interface Round {
  readonly first: number;
  readonly apply: number;
  readonly second: number;
  readonly bare: number;
}

/** The folder and the tools of all rounds. */
interface Place {
  readonly folder: string;
  readonly children: Children;
  readonly terraform: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** `npm start -- --once` in a new copy of the project, and again. Beside it, Terraform without any provider. */
export const start: Benchmark = {
  name: 'start',
  description:
    'Seconds of `npm start -- --once` after `npm ci` in a new folder, of its `terraform apply`, and of the next start with nothing changed; ' +
    'beside them, a bare `terraform apply` of as many `terraform_data` resources.',
  rounds: 3,
  async measure(rounds, progress) {
    const folder = await mkdtemp(join(tmpdir(), 'lamplighter bench '));
    const interrupt = new AbortController();
    const abort = () => interrupt.abort();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, abort);
    const children = new Children(interrupt.signal);
    try {
      const cliConfigFile = join(folder, 'terraform.rc');
      // Downloads, if any, come before the first measured start.
      const tools = { children, signal: interrupt.signal, cliConfigFile, say: progress };
      const { terraform } = await provideTools(tools);
      const place = { folder, children, terraform: terraform.program, environment: ownEnvironment() };
      const all: Round[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        progress(`round ${round} of ${rounds}`);
        all.push(await measureRound(place, round));
      }
      return lines(all);
    } finally {
      await children.endAll();
      await rm(folder, { recursive: true, force: true });
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, abort);
    }
  },
};

async function measureRound(place: Place, round: number): Promise<Round> {
  const project = join(place.folder, `project ${round}`);
  await cp(PACKAGE_FOLDER, project, {
    recursive: true,
    filter: (path) => !NOT_IN_A_CLONE.includes(basename(path)),
  });
  await symlink(join(PACKAGE_FOLDER, 'node_modules'), join(project, 'node_modules'));
  const first = await measureStart(place, project);
  if (first.resources === 0) throw new Error('the first start has applied nothing');
  const second = await measureStart(place, project);
  const bare = await measureBare(place, join(place.folder, `bare ${round}`), first.resources);
  await rm(project, { recursive: true, force: true });
  return { first: first.seconds, apply: first.applySeconds, second: second.seconds, bare };
}

async function measureStart({ children, environment }: Place, project: string) {
  let appliesAt = 0;
  let applySeconds = 0;
  let resources = 0;
  const onLine = (line: string) => {
    if (/\bterraform +terraform apply$/.test(line)) appliesAt = performance.now();
    const counts = /\bapplied\. Resources: (?:(\d+) imported, )?(\d+) added/.exec(line);
    if (!counts) return;
    applySeconds = (performance.now() - appliesAt) / 1000;
    resources = Number(counts[1] ?? 0) + Number(counts[2]);
  };
  const began = performance.now();
  const options = { cwd: project, environment, onLine, timeLimitMs: LIMIT_MS };
  const { code, tail } = await children.run('npm', ['start', '--', '--once'], options);
  if (code !== 0) throw new Error(`npm start ended with ${code ?? 'a signal'}:\n${tail}`);
  return { seconds: (performance.now() - began) / 1000, applySeconds, resources };
}

async function measureBare({ children, terraform, environment }: Place, folder: string, count: number) {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'main.tf'), `resource "terraform_data" "each" {\n  count = ${count}\n}\n`);
  const run = async (...args: string[]) => {
    const options = { cwd: folder, environment, timeLimitMs: LIMIT_MS };
    const { code, tail } = await children.run(terraform, args, options);
    if (code !== 0) throw new Error(`terraform ${args[0] ?? ''} ended with ${code ?? 'a signal'}:\n${tail}`);
  };
  await run('init', '-input=false', '-no-color');
  const began = performance.now();
  await run('apply', '-auto-approve', '-input=false', '-no-color');
  return (performance.now() - began) / 1000;
}

/** The environment without what would lead a start to another cloud or folder. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const away = /^(AWS_|TF_|CDKTF_|INIT_CWD$|LAMPLIGHTER_(LOCAL_DIRECTORY|CLOUD)$)/;
  const kept = Object.entries(process.env).filter(([name]) => !away.test(name));
  return { ...Object.fromEntries(kept), CHECKPOINT_DISABLE: '1' };
}

function lines(all: readonly Round[]): readonly Measured[] {
  const bare = 'bare apply of as many null resources';
  const line = (name: string, key: keyof Round, most: number): Measured => ({
    ...{ name, unit: 's', samples: all.map((round) => round[key]), beside: bare, goal: { most } },
  });
  return [
    line('first start', 'first', 65),
    line('its terraform apply', 'apply', 35),
    line('second start, nothing changed', 'second', 20),
    { name: bare, unit: 's', samples: all.map((round) => round.bare) },
  ];
}

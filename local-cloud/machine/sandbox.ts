import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { bundleProgram } from '../../scripts/tools/bundle-program';
import { cacheDirectory } from '../../scripts/tools/cache';
import { killGroup } from '../../scripts/tools/process-groups';
import { QUIET_SDK, noProxy } from '../wire/client-environment';
import { FLOCK_SHIM } from './flock-shim';
import type { BootOrder, Machine, StepResult, StepRun } from './port';
import { processesWithin } from './process-scan';
import { runStep } from './step-run';

/**
 * A machine of ordinary processes. Its folder is its disk. A process belongs to the machine if the process's environment or
 * directory is in that folder.
 */
export class Sandbox implements Machine {
  readonly shutsDownInOrder = false;

  /** The process groups of steps that are running. */
  private readonly stepGroups = new Set<number>();

  constructor(
    private readonly folder: string,
    /** The bundled sandbox-aws.ts. */
    private readonly awsProgram: string,
  ) {}

  private get root(): string {
    return join(this.folder, 'opt', 'lamplighter');
  }

  private get steps(): string {
    return join(this.folder, 'var', 'steps');
  }

  /** Makes the folders of an instance, and the programs that this host may lack. */
  async prepare(): Promise<void> {
    const folders = [join(this.folder, 'bin'), join(this.folder, 'home'), join(this.folder, 'tmp')];
    for (const folder of [...folders, this.root, this.steps]) await mkdir(folder, { recursive: true });
    const node = shellQuoted(process.execPath);
    await this.program('aws', `#!/bin/sh\nexec ${node} ${shellQuoted(this.awsProgram)} "$@"\n`);
    if (!isOnPath('flock')) await this.program('flock', FLOCK_SHIM);
  }

  boot(order: BootOrder): Promise<NodeJS.ProcessEnv> {
    return Promise.resolve(this.environmentOf(order));
  }

  runStep(run: StepRun): Promise<StepResult> {
    const folder = join(this.steps, run.commandId, run.step.name);
    return runStep({ root: this.folder, folder, groups: this.stepGroups }, run);
  }

  shutDown(): Promise<void> {
    this.powerOff();
    return Promise.resolve();
  }

  whenOff(): Promise<void> {
    return Promise.resolve();
  }

  showNotice(): boolean {
    return false;
  }

  powerOff(): void {
    for (const group of this.stepGroups) killGroup(group);
    this.stepGroups.clear();
    for (const group of this.modelGroups()) killGroup(group);
    // A process may start during the scan. Scan until there is none.
    for (let round = 0; round < 20; round += 1) {
      const processes = processesWithin(this.folder);
      if (processes.length === 0) return;
      for (const pid of processes) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // The process has ended already.
        }
      }
    }
  }

  killDrain(): boolean {
    const drain = drainIn(this.stepGroups);
    if (drain === undefined) return false;
    process.kill(drain, 'SIGKILL');
    return true;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Removes everything but the prepared models. Each is in a folder that is named after its content. */
  removeAllButModels(): void {
    const models = join(this.root, 'models');
    for (const path of [this.folder, join(this.folder, 'opt'), this.root]) {
      if (!existsSync(path)) continue;
      for (const name of readdirSync(path)) {
        const child = join(path, name);
        if (!models.startsWith(child)) rmSync(child, { recursive: true, force: true });
      }
    }
  }

  private environmentOf(order: BootOrder): NodeJS.ProcessEnv {
    const passed = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name));
    return {
      ...Object.fromEntries(passed),
      PATH: [join(this.folder, 'bin'), process.env.PATH, dirname(process.execPath)].join(delimiter),
      HOME: join(this.folder, 'home'),
      TMPDIR: join(this.folder, 'tmp'),
      LANG: process.env.LANG ?? 'C.UTF-8',
      ...pipConfiguration(),
      ...noProxy(),
      ...QUIET_SDK,
      LAMPLIGHTER_ROOT: this.root,
      LAMPLIGHTER_BOOT_ID: randomUUID(),
      LAMPLIGHTER_BOOTED_AT: new Date().toISOString(),
      AWS_REGION: order.region,
      AWS_DEFAULT_REGION: order.region,
      AWS_ENDPOINT_URL: order.endpoint,
      AWS_EC2_METADATA_DISABLED: 'true',
      // On EC2 the metadata service says these.
      LAMPLIGHTER_INSTANCE_ID: order.instanceId,
      LAMPLIGHTER_LAUNCHED_AT: order.launchTime,
      ...order.credentials,
    };
  }

  /** The process groups of models. The runner records each. */
  private modelGroups(): number[] {
    const jobs = join(this.root, 'jobs');
    if (!existsSync(jobs)) return [];
    return readdirSync(jobs).flatMap((job) => {
      try {
        const record = JSON.parse(readFileSync(join(jobs, job, 'process.json'), 'utf8')) as {
          pgid?: unknown;
        };
        const group = record.pgid;
        // The number in an old record may belong to another program now.
        return typeof group === 'number' && isWithin(group, this.folder) ? [group] : [];
      } catch {
        return [];
      }
    });
  }

  private async program(name: string, text: string): Promise<void> {
    const file = join(this.folder, 'bin', name);
    await writeFile(file, text);
    await chmod(file, 0o755);
  }
}

/** Bundles the sandbox's `aws` into a folder. Returns its path. */
export function bundleAws(folder: string): Promise<string> {
  return bundleProgram(join(__dirname, 'sandbox-aws.ts'), folder, true);
}

/**
 * Kills the processes that an earlier local cloud left in its sandboxes, and removes the sandboxes. With `keepsModels`, their
 * prepared models stay. Returns the names of the folders that stay.
 */
export function clearSandboxes(folder: string, keepsModels: boolean): string[] {
  mkdirSync(folder, { recursive: true });
  const names = readdirSync(folder);
  for (const name of names) {
    const sandbox = new Sandbox(join(folder, name), '');
    sandbox.powerOff();
    if (keepsModels) sandbox.removeAllButModels();
    else sandbox.remove();
  }
  return keepsModels ? names : [];
}

/** The variables of the host that the sandbox gets: for access to the internet, and for pip. */
const PASSED_ON =
  /^((https?|all|no)_proxy|PIP_\w+|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|NODE_EXTRA_CA_CERTS)$/i;

function pipConfiguration(): Record<string, string> {
  const candidates = [
    process.env.PIP_CONFIG_FILE,
    join(homedir(), '.config', 'pip', 'pip.conf'),
    join(homedir(), '.pip', 'pip.conf'),
    join(homedir(), 'Library', 'Application Support', 'pip', 'pip.conf'),
  ];
  const file = candidates.find((candidate) => candidate !== undefined && existsSync(candidate));
  return {
    // Each local cloud has new disks. The host's cache saves pip's downloads.
    PIP_CACHE_DIR: process.env.PIP_CACHE_DIR ?? join(cacheDirectory(), 'pip'),
    ...(file === undefined ? {} : { PIP_CONFIG_FILE: file }),
  };
}

/** Options of `ps`. One `-o` for each column, because on macOS all text after an equals sign is a header. */
const PS = ['-A', '-ww', '-o', 'pid=', '-o', 'pgid=', '-o', 'args='];

function drainIn(groups: ReadonlySet<number>): number | undefined {
  const table = execFileSync('ps', PS, { encoding: 'utf8' });
  for (const line of table.split('\n')) {
    const [, pid, group, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    if (!groups.has(Number(group)) || !command.includes('.mjs drain')) continue;
    // flock's command line has the drain's words, too.
    if (/^\S*node\S*\s/.test(command) || !command.includes('flock')) return Number(pid);
  }
  return undefined;
}

function isWithin(group: number, folder: string): boolean {
  if (process.platform !== 'linux') return true;
  return processesWithin(folder, group).length > 0;
}

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readlinkSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { beginningOf } from '../../scripts/tools/process-beginning';
import { killGroup } from '../../scripts/tools/process-groups';
import type { CgroupVersion } from './cgroup-version';
import { CloudSockets } from './machine-network';
import { childrenOf } from './process-scan';
import type { OwnEnd } from './port';

const SCRIPT = join(__dirname, 'keeper.sh');

/** The record of a keeper in its instance's folder. A later local cloud ends by it what a killed one has left. */
const keeperSchema = z.object({
  pid: z.int().positive(),
  /** The start time of the process. */
  began: z.string().min(1),
  /** The name of the machine and of its control groups. */
  name: z.string().regex(/^lamplighter-[0-9a-z-]+$/),
});

type KeeperRecord = z.infer<typeof keeperSchema>;

const recordIn = (folder: string) => join(folder, 'keeper.json');
const consoleIn = (folder: string) => join(folder, 'console.log');

/** Exit codes of keeper.sh, which are those of systemd-nspawn. */
const POWERED_OFF = 0;
const REBOOTED = 133;

/** The signal that is an instance's power button for systemd: SIGRTMIN+4. */
const POWER_BUTTON = 38;

export interface KeeperOptions {
  /** The instance's folder. */
  readonly folder: string;
  /** The disk that all machines share. */
  readonly disk: string;
  readonly name: string;
  /** The size of the machine's own disk. */
  readonly diskMiB: number;
  /** Seconds that the machine seems to have been up for at its boot. */
  readonly ageSeconds: number;
  /** The bundled cloud-sockets.ts. */
  readonly socketsProgram: string;
  readonly gatewayPort: number;
  /** The version of control groups that the machine sees. */
  readonly cgroups: CgroupVersion;
  /** Host's path → the machine's path. */
  readonly mounts: readonly { readonly from: string; readonly to: string }[];
}

/** One boot of a container: the process of keeper.sh. */
export class Keeper {
  /** The sockets of the machine's cloud. */
  readonly sockets: Promise<CloudSockets>;
  /** Returns when nothing of the boot is left but its disk. */
  readonly end: Promise<OwnEnd>;
  private hasEnded = false;

  private constructor(
    private readonly folder: string,
    private readonly child: ChildProcess,
  ) {
    this.sockets = CloudSockets.receive(child);
    // A boot that is cut short has no user of its sockets.
    this.sockets.catch(() => undefined);
    this.end = new Promise((resolve) => {
      const ended = (code: number | null) => {
        this.hasEnded = true;
        rmSync(recordIn(folder), { force: true });
        resolve(code === POWERED_OFF ? 'powered off' : code === REBOOTED ? 'rebooted' : 'crashed');
      };
      child.once('error', () => ended(null));
      child.once('exit', ended);
    });
  }

  static start(options: KeeperOptions): Keeper {
    const { folder, name } = options;
    const log = openSync(consoleIn(folder), 'w');
    const child = spawn(
      'unshare',
      ['--mount', '--net', '--propagation', 'private', '--', 'bash', SCRIPT, ...argumentsOf(options)],
      // In a process group of its own: Ctrl-C in the terminal must not reach the machine.
      { detached: true, stdio: ['pipe', log, log, 'ipc'], env: environment() },
    );
    closeSync(log);
    child.stdin?.on('error', () => undefined);
    if (child.pid !== undefined) {
      const record: KeeperRecord = { pid: child.pid, began: beginningOf(child.pid) ?? '', name };
      writeFileSync(recordIn(folder), JSON.stringify(record));
    }
    return new Keeper(folder, child);
  }

  /** Presses the power button. Returns false if systemd does not run yet, or no more. */
  pressPowerButton(): boolean {
    const init = this.init();
    return init !== undefined && sendSignal(init, POWER_BUTTON);
  }

  /** Kills the container's first process, and with it all others. keeper.sh removes the rest. Synchronous. */
  cutPower(): void {
    if (this.hasEnded) return;
    const init = this.init();
    if (init !== undefined) sendSignal(init, 'SIGKILL');
    // The end of its standard input ends keeper.sh, also before the container's first process exists.
    this.child.stdin?.destroy();
  }

  /** The process id of the drain, as the host sees it. */
  drain(): number | undefined {
    const init = this.init();
    if (init === undefined) return undefined;
    const namespace = namespaceOf(init);
    return processIds().find(
      (pid) => namespaceOf(pid) === namespace && isDrain(textOf(`/proc/${pid}/cmdline`).split('\0')),
    );
  }

  /** The last lines that the machine wrote to its console. */
  console(): string {
    return textOf(consoleIn(this.folder)).trimEnd().split(/\r?\n/).slice(-15).join('\n');
  }

  private init(): number | undefined {
    return this.hasEnded || this.child.pid === undefined ? undefined : initUnder(this.child.pid);
  }
}

/** The container's first process, for a command that enters the machine. Undefined if no machine runs in the folder. */
export function initOfMachineIn(folder: string): number | undefined {
  const record = readRecord(folder);
  return record && beginningOf(record.pid) === record.began ? initUnder(record.pid) : undefined;
}

/** Ends what a killed local cloud has left of a machine: by recorded ids only. */
export async function clearKeeper(folder: string): Promise<void> {
  const record = readRecord(folder);
  if (!record) return;
  for (let round = 0; round < CLEAR_ROUNDS && beginningOf(record.pid) === record.began; round += 1) {
    // keeper.sh removes everything itself when its local cloud dies. It gets the time for that.
    if (round === CLEAR_ROUNDS / 2) killGroup(record.pid);
    await pause(CLEAR_PAUSE_MS);
  }
  removeControlGroups(record.name);
  rmSync(recordIn(folder), { force: true });
}

const CLEAR_ROUNDS = 100;
const CLEAR_PAUSE_MS = 100;

/** keeper.sh does this at its end. After its own death, empty control groups are left, of version 1 or 2. */
function removeControlGroups(name: string): void {
  const script = `remove() { for group; do [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} +; done; }
remove /sys/fs/cgroup/*/"$1"
umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup
remove "/sys/fs/cgroup/$1"`;
  const inNamespace = ['--mount', '--propagation', 'private', '--', 'sh', '-c', script, 'sh', name];
  execFileSync('unshare', inNamespace, { env: environment(), stdio: 'ignore' });
}

function readRecord(folder: string): KeeperRecord | undefined {
  try {
    return keeperSchema.parse(JSON.parse(readFileSync(recordIn(folder), 'utf8')));
  } catch {
    return undefined;
  }
}

function argumentsOf(options: KeeperOptions): string[] {
  const { folder, disk, name, ageSeconds, diskMiB, socketsProgram, gatewayPort, cgroups, mounts } = options;
  // Rounded up, because a namespace refuses a negative uptime.
  const offset = Math.ceil(ageSeconds - uptime());
  return [
    ...[folder, disk, name, String(offset), String(diskMiB)],
    ...[process.execPath, socketsProgram, String(gatewayPort), cgroups],
    ...mounts.map(({ from, to }) => `--bind-ro=${escaped(from)}:${escaped(to)}`),
  ];
}

/** systemd-nspawn separates the paths of a mount, and its options, with colons. */
function escaped(path: string): string {
  return path.replaceAll('\\', '\\\\').replaceAll(':', '\\:');
}

/** A user's PATH may lack the folders of administrators' programs. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`, LANG: 'C.UTF-8' };
}

/** keeper.sh → unshare → systemd-nspawn → the container's first process. */
function initUnder(keeper: number): number | undefined {
  const namespace = namespaceOf(keeper);
  const below = childrenOf(keeper).flatMap(childrenOf).flatMap(childrenOf);
  return below.find((pid) => namespaceOf(pid) !== namespace && textOf(`/proc/${pid}/comm`) === 'systemd\n');
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** `node RUNNER.mjs drain …`. flock's command line has these words, too. */
function isDrain([program = '', script = '', command = '']: readonly string[]): boolean {
  return /(^|\/)node$/.test(program) && script.endsWith('.mjs') && command === 'drain';
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function textOf(file: string): string {
  try {
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  } catch {
    return '';
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals | number): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    // The process has ended.
    return false;
  }
}

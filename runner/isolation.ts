import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import type { IsolationRecord } from '../lifecycle/records';
import type { ModelLimits, Program } from './host';

/** Facts about the machine on which a model will run. */
export interface PlatformFacts {
  /** User id of the drain's process. Undefined: the platform has no user ids. */
  readonly uid: number | undefined;
  /** True if systemd is the machine's first process (`/run/systemd/system` exists). */
  readonly systemd: boolean;
  /** True if the machine is the local cloud's sandbox, which is in its user's own folders. */
  readonly sandbox: boolean;
}

/** User id of a model in slot 0. Each slot has its own id, for which bring-up.sh makes an account. */
const FIRST_UID = 20_000;

/**
 * A model must reach neither the instance's credentials nor another job's files. On a machine of our own (root, systemd)
 * each program of a model is a systemd service behind walls. On other machines it is an ordinary process.
 *
 * @param slot index of this job among those side by side, from 0.
 * @returns the id of the user (and group) that runs the programs and owns their files. Undefined: no walls.
 */
export function modelUser({ uid, systemd, sandbox }: PlatformFacts, slot: number): number | undefined {
  return uid === 0 && systemd && !sandbox ? FIRST_UID + slot : undefined;
}

/** The user id of the program that looks whether the walls hold (walls.ts). No model has it. */
export const PROBE_UID = FIRST_UID + 64;

/** The name of a model's account, which bring-up.sh makes. */
export function accountOf(uid: number): string {
  return `lamplighter-model-${uid - FIRST_UID}`;
}

/** The walls around a program, for the receipt. `uid`: of `modelUser`. */
export function isolationRecord(
  uid: number | undefined,
  program: Program,
  limits: ModelLimits,
): IsolationRecord {
  if (uid === undefined) return { kind: 'none' };
  const { memoryMiB } = limits;
  return {
    kind: 'systemd',
    network: networkOf(program, limits),
    maxProcesses: maxProcessesOf(limits),
    ...(memoryMiB !== undefined && { memoryMiB }),
  };
}

/** A setup always has the internet, for packages. */
function networkOf(program: Program, { network }: ModelLimits): 'internet' | 'none' {
  return program === 'setup' ? 'internet' : network;
}

/** Threads count too, and numerical libraries start one for each processor, in each worker. */
function maxProcessesOf({ maxProcesses }: ModelLimits): number {
  return maxProcesses ?? Math.max(4096, 128 * availableParallelism());
}

const MIB = 2 ** 20;

/** The bytes that all models may use of a machine's memory. bring-up.sh sets the same limit. */
export function memoryForModels(machineBytes: number): number {
  return Math.max(machineBytes - 512 * MIB, machineBytes / 4);
}

/** The folders and limits of a program behind walls. All paths are absolute. */
export interface WalledProgram {
  readonly program: Program;
  readonly uid: number;
  /** The runner's root folder, of which the program sees only its own folders. */
  readonly root: string;
  readonly modelFolder: string;
  /** The job's folder, with input/, output/, home/ and tmp/. */
  readonly jobFolder: string;
  /** Root's own folder, into which the service's last command writes how the program ended. */
  readonly signs: string;
  readonly limits: ModelLimits;
  /** The device files of accelerators on this machine. */
  readonly devices: readonly string[];
}

/** The home folder of each model's account. It is the job's home/, mounted there. */
export function homeIn(root: string): string {
  return join(root, 'home');
}

/** The folder for temporary files of a program behind walls: short enough for the path of a socket. */
export const TEMPORARY = '/tmp';

/**
 * The walls: properties of the systemd service, as `systemd-run --property=` accepts them. See systemd.exec(5) and
 * systemd.resource-control(5). docs/SECURITY.md says which attacks each of them stops.
 */
export function walls(walled: WalledProgram): string[] {
  const { uid, program, limits } = walled;
  return [
    `User=${uid}`,
    `Group=${uid}`,
    'NoNewPrivileges=yes',
    'CapabilityBoundingSet=',
    'RestrictSUIDSGID=yes',
    ...fileSystem(walled),
    ...devices(walled),
    'PrivateIPC=yes',
    'ProtectProc=invisible',
    'ProtectKernelTunables=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelLogs=yes',
    'ProtectControlGroups=yes',
    'ProtectClock=yes',
    'ProtectHostname=yes',
    'RestrictNamespaces=yes',
    'RestrictRealtime=yes',
    'LockPersonality=yes',
    'SystemCallArchitectures=native',
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
    // The first wall before EC2's metadata service, which has the role's credentials. bring-up.sh builds the second.
    'IPAddressDeny=169.254.169.254/32',
    'IPAddressDeny=fd00:ec2::254/128',
    ...(networkOf(program, limits) === 'none' ? ['PrivateNetwork=yes'] : []),
    ...(limits.memoryMiB === undefined ? [] : [`MemoryMax=${limits.memoryMiB}M`]),
    `TasksMax=${maxProcessesOf(limits)}`,
    'LimitNOFILE=65536',
    // The kernel ends all processes of the program at once, and prefers them to the machine's own.
    'OOMPolicy=kill',
    'OOMScoreAdjust=500',
  ];
}

/** Where /etc/resolv.conf may lead to, by systemd-resolved, NetworkManager and resolvconf. */
const RESOLVERS = ['/run/systemd/resolve', '/run/NetworkManager/resolv.conf', '/run/resolvconf'];

/** The program sees the machine's files read-only, and of the runner's root folder only its own part. */
function fileSystem({ root, modelFolder, jobFolder, signs, program, limits }: WalledProgram): string[] {
  const own = [
    join(jobFolder, 'input'),
    join(jobFolder, 'output'),
    `${join(jobFolder, 'home')}:${homeIn(root)}`,
    // On the machine's disk: it ends with the job's folder, and a full disk is noticed.
    `${join(jobFolder, 'tmp')}:${TEMPORARY}`,
    `${join(jobFolder, 'tmp')}:/var/tmp`,
    signs,
  ];
  // Only the setup may change the model's folder.
  const readOnly = program === 'run' ? [modelFolder] : [];
  if (program === 'setup') own.push(modelFolder);
  const resolvers = networkOf(program, limits) === 'none' ? [] : RESOLVERS.map((path) => `-${path}`);
  return [
    'ProtectSystem=strict',
    'ProtectHome=yes',
    // The sockets of the machine's services are in /run. Of it, a program needs what resolves names, if it has a network.
    // No `size=50%`: systemd forgets what a `%` means at a `systemctl daemon-reload`, and could not run the last command.
    `TemporaryFileSystem=${root}:ro /run:ro /dev/shm:mode=1777,size=${Math.floor(totalmem() / 2)}`,
    `BindPaths=${own.join(' ')}`,
    `BindReadOnlyPaths=${[...readOnly, ...resolvers].join(' ')}`,
    `WorkingDirectory=${modelFolder}`,
  ];
}

function devices({ devices: paths }: WalledProgram): string[] {
  if (paths.length === 0) return ['PrivateDevices=yes'];
  return ['DevicePolicy=closed', ...paths.map((path) => `DeviceAllow=${path} rw`)];
}

/**
 * Whether a file or folder in /dev belongs to accelerators: GPUs of NVIDIA and AMD, AWS's Trainium and Inferentia, or chips of the
 * kernel's "accel". So do the network cards and the memory that these share.
 */
export function isAccelerator(name: string): boolean {
  return /^(?:nvidia|neuron)(?:\d|ctl|-|$)|^(?:kfd|dri|renderD\d+|accel\d*|infiniband|uverbs\d+|gdrdrv)$/.test(
    name,
  );
}

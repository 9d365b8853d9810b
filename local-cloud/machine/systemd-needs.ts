import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { MissingError } from '../../scripts/console/exit';

/** The programs that a systemd machine needs, and Debian's packages that have them. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'systemd-nspawn': 'systemd-container',
  debootstrap: 'debootstrap',
  ip: 'iproute2',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
  losetup: 'mount',
  pkill: 'procps',
  'mkfs.ext4': 'e2fsprogs',
};

/** The facts of a host that decide whether systemd machines run on it. */
export interface HostFacts {
  readonly platform: NodeJS.Platform;
  readonly uid: number | undefined;
  /** The content of /proc/filesystems. */
  readonly fileSystems: string;
  readonly hasProgram: (name: string) => boolean;
  /** Whether the machines' disk is in the cache. debootstrap is not needed then. */
  readonly hasDisk: boolean;
}

/** Throws MissingError, which names everything that this host lacks, and how to get it. */
export function needSystemdMachine(facts: HostFacts): void {
  const missing = missingFor(facts);
  if (missing.length === 0) return;
  throw new MissingError(
    `--machine systemd cannot run here:\n${missing.map((line) => `  - ${line}`).join('\n')}\n` +
      'The default, --machine sandbox, needs none of this.',
  );
}

export function missingFor({ platform, uid, fileSystems, hasProgram, hasDisk }: HostFacts): string[] {
  if (platform !== 'linux') return [`it needs Linux; this is ${platform}`];
  const missing: string[] = [];
  if (uid !== 0) missing.push('it needs root, for namespaces and mounts: run the command with sudo');
  const programs = Object.keys(PROGRAMS).filter(
    (name) => !(name === 'debootstrap' && hasDisk) && !hasProgram(name),
  );
  if (programs.length > 0) {
    const packages = [...new Set(programs.map((name) => PROGRAMS[name]))].join(' ');
    missing.push(
      `${programs.join(', ')}: not on the PATH. On Debian and Ubuntu: apt-get install ${packages}`,
    );
  }
  for (const name of ['overlay', 'ext4', 'cgroup2']) {
    if (new RegExp(`\\t${name}$`, 'm').test(fileSystems)) continue;
    missing.push(`the kernel has no ${name} file system (/proc/filesystems); try: modprobe ${name}`);
  }
  return missing;
}

export function factsOfHost(hasDisk: boolean): HostFacts {
  const { platform } = process;
  return {
    platform,
    uid: process.getuid?.(),
    fileSystems: platform === 'linux' ? readFileSync('/proc/filesystems', 'utf8') : '',
    hasProgram: isOnPath,
    hasDisk,
  };
}

function isOnPath(program: string): boolean {
  // A root shell may lack the folders of administrators' programs.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

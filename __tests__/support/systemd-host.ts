import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import { hasMachineDisk, provideMachineDisk } from '../../local-cloud/machine/machine-disk';
import { runningMachine } from '../../local-cloud/machine/running-machine';
import { factsOfHost, missingFor } from '../../local-cloud/machine/systemd-needs';
import { Children } from '../../scripts/tools/children';

/** Whether systemd machines run on this host. Throws if they do not, where tools are required, so that no test is skipped. */
export function hasSystemdMachines(): boolean {
  const missing = missingFor(factsOfHost(hasMachineDisk()));
  if (missing.length === 0) return true;
  const text = `systemd machines cannot run here (${missing.join('; ')}): their tests cannot run`;
  if (process.env.LAMPLIGHTER_REQUIRE_TOOLS === '1') throw new Error(text);
  console.warn(`${text} and are SKIPPED`);
  return false;
}

/** The disk of systemd machines, from the cache or new. */
export function machineDisk(): Promise<string> {
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  return provideMachineDisk({ children: new Children(new AbortController().signal), say });
}

/** What a script prints that runs as root in the systemd machine of a local cloud's folder. Throws if the script fails. */
export async function inMachine(directory: string, script: string): Promise<string> {
  const args = ['--target', String(runningMachine(directory)), '--all', '--', 'bash', '-c', script];
  // Not synchronous: the metadata service of the machine is in this process.
  return (await promisify(execFile)('nsenter', args)).stdout;
}

/** What a machine can leave on its host. `mark`: a text that is in the name of each control group or path of the machine. */
export function leftOnHost(mark: string): string[] {
  return [
    ...controlGroups().filter((path) => path.includes(mark)),
    ...readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(mark)),
    ...execFileSync('losetup', ['--list', '--noheadings', '--output', 'NAME,BACK-FILE'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes(mark)),
    ...processes().filter((line) => line.includes(mark)),
  ];
}

/** The namespaces that a process has, and this process has not. */
export function ownNamespacesOf(pid: number): string[] {
  const ours = namespacesOf(String(process.pid));
  return namespacesOf(String(pid)).filter((namespace) => !ours.includes(namespace));
}

/** The processes in one of the namespaces. */
export function processesIn(namespaces: readonly string[]): string[] {
  return pids().filter((pid) => namespacesOf(pid).some((namespace) => namespaces.includes(namespace)));
}

function namespacesOf(pid: string): string[] {
  return ['net', 'pid', 'mnt', 'time', 'cgroup', 'uts', 'ipc'].flatMap((kind) => {
    try {
      return [readlinkSync(`/proc/${pid}/ns/${kind}`)];
    } catch {
      // The process has ended.
      return [];
    }
  });
}

/** The links, addresses and routes of the host's own network. */
export function networkOfHost(): string {
  return ['link', 'addr', 'route']
    .map((what) => execFileSync('ip', ['-brief', what], { encoding: 'utf8' }))
    .join('\n');
}

function controlGroups(): string[] {
  const find = "find /sys/fs/cgroup -type d -name 'lamplighter-*'";
  // The groups of version 1, if the host has it, and those of version 2.
  const script = `${find}; umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup; ${find}`;
  const args = ['--mount', '--propagation', 'private', '--', 'sh', '-c', script];
  return execFileSync('unshare', args, { encoding: 'utf8' }).split('\n').filter(Boolean);
}

function processes(): string[] {
  return pids()
    .filter((pid) => pid !== String(process.pid))
    .map((pid) => {
      try {
        return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`;
      } catch {
        return '';
      }
    });
}

function pids(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { sep } from 'node:path';

/**
 * The processes whose environment or working directory is in a folder. With `group`, only those of that process group. Empty on
 * a host without /proc. Processes with a terminal are left out, because a person may have a shell in the folder. Our own
 * process and its parent are left out too.
 */
export function processesWithin(folder: string, group?: number): number[] {
  return allProcesses().filter(
    (pid) => pid !== process.pid && pid !== process.ppid && belongs(pid, folder, group),
  );
}

/** The children of a process. */
export function childrenOf(parent: number): number[] {
  return allProcesses().filter((pid) => {
    try {
      return factsOf(pid).parent === parent;
    } catch {
      // The process has ended.
      return false;
    }
  });
}

function allProcesses(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function belongs(pid: number, folder: string, group: number | undefined): boolean {
  try {
    const facts = factsOf(pid);
    if (facts.hasTerminal || facts.isDead || (group !== undefined && facts.group !== group)) return false;
    const isIn = (path: string) => path === folder || path.startsWith(folder + sep);
    if (isIn(readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, ''))) return true;
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return environment.some((entry) => isIn(entry.slice(entry.indexOf('=') + 1)));
  } catch {
    // The process has ended, or is another user's.
    return false;
  }
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the name, in parentheses, may hold any character. */
function factsOf(pid: number) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [state, parent, group, , terminal] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    parent: Number(parent),
    group: Number(group),
    hasTerminal: Number(terminal) !== 0,
    isDead: state === 'Z' || state === 'X',
  };
}

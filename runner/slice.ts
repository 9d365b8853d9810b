import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const CGROUPS = '/sys/fs/cgroup';

/**
 * Ends every process of a systemd slice with SIGKILL: the kernel ends its whole cgroup at once, however fast the processes
 * fork. Does nothing if there is no such slice.
 */
export async function endSlice(slice: string): Promise<void> {
  try {
    // https://docs.kernel.org/admin-guide/cgroup-v2.html, cgroup.kill; since Linux 5.14
    await writeFile(join(cgroupOf(slice), 'cgroup.kill'), '1', { flag: 'r+' });
  } catch {
    // An older kernel, or cgroup version 1. An error says that the slice does not run.
    await new Promise<void>((resolve) => {
      execFile('systemctl', ['kill', '--signal=SIGKILL', slice], () => resolve());
    });
  }
}

/**
 * How many processes of the slice the kernel has killed because memory ran out, since the slice began. 0 if the slice has
 * not run, or if the kernel does not say.
 */
export async function memoryKillsIn(slice: string): Promise<number> {
  // https://docs.kernel.org/admin-guide/cgroup-v2.html, memory.events: counts the cgroups below too.
  const events = await readFile(join(cgroupOf(slice), 'memory.events'), 'utf8').catch(() => '');
  return Number(/^oom_kill (\d+)$/m.exec(events)?.[1] ?? 0);
}

/** A slice lies in the slices that the parts of its name give. See "DESCRIPTION" of systemd.slice(5). */
function cgroupOf(slice: string): string {
  const parts = slice.replace(/\.slice$/, '').split('-');
  return join(CGROUPS, ...parts.map((_part, index) => `${parts.slice(0, index + 1).join('-')}.slice`));
}

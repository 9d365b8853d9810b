import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The slice of all services of models. bring-up.sh limits its memory. */
export const MODELS_SLICE = 'lamplighter.slice';

const CGROUPS = '/sys/fs/cgroup';

/** Ends every process of every model with SIGKILL. */
export async function endAllModels(): Promise<void> {
  await endUnit(MODELS_SLICE, MODELS_SLICE);
}

/** Ends every process of a service with SIGKILL. Returns false if the service has no control group. */
export function killService(slice: string, unit: string): Promise<boolean> {
  return endUnit(join(slice, unit), unit);
}

/** The kernel ends a whole control group at once, however fast its processes fork. */
async function endUnit(path: string, unit: string): Promise<boolean> {
  try {
    // https://docs.kernel.org/admin-guide/cgroup-v2.html, cgroup.kill; since Linux 5.14
    await writeFile(join(CGROUPS, path, 'cgroup.kill'), '1', { flag: 'r+' });
    return true;
  } catch {
    // The unit does not run. Or the kernel is older, or has control groups of version 1.
    return systemctl('kill', '--signal=SIGKILL', unit);
  }
}

/** Whether a process of a service is there, although systemd may have given the service up: the kernel holds the process. */
export async function hasProcesses(slice: string, unit: string): Promise<boolean> {
  const processes = await readFile(join(CGROUPS, slice, unit, 'cgroup.procs'), 'utf8').catch(() => '');
  return processes !== '';
}

/** Returns false for an error, which says that the unit does not run. */
export function systemctl(...args: string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile('systemctl', args, (error) => resolve(error === null));
  });
}

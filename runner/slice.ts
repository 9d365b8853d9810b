import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The slice of all services of models. bring-up.sh limits its memory. */
export const MODELS_SLICE = 'lamplighter.slice';

/** Ends every process of every model with SIGKILL. */
export function endAllModels(): Promise<void> {
  return endControlGroup(MODELS_SLICE, MODELS_SLICE);
}

/** Ends every process of one service of a model with SIGKILL. */
export function endModel(unit: string): Promise<void> {
  return endControlGroup(join(MODELS_SLICE, unit), unit);
}

/** The kernel ends a whole control group at once, however fast its processes fork. Does nothing if there is none. */
async function endControlGroup(path: string, unit: string): Promise<void> {
  try {
    // https://docs.kernel.org/admin-guide/cgroup-v2.html, cgroup.kill; since Linux 5.14
    await writeFile(join('/sys/fs/cgroup', path, 'cgroup.kill'), '1', { flag: 'r+' });
  } catch {
    // The unit has no processes. Or the kernel is older, or has control groups of version 1.
    await systemctl('kill', '--signal=SIGKILL', unit);
  }
}

/** Ignores errors: they say that the unit does not run. */
export function systemctl(...args: string[]): Promise<void> {
  return new Promise((resolve) => {
    execFile('systemctl', args, () => resolve());
  });
}

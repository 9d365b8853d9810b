import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** When the process began, as the system writes it: with the id it names a process for good, ids are used again. */
export function beginningOf(pid: number): string | undefined {
  try {
    // Field 22 is the start time; the name before it, in parentheses, may hold spaces. See proc(5).
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    // The same words for everybody who asks, whatever their language and time zone.
    const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
    const { status, stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env,
    });
    return status === 0 ? stdout.trim() : undefined;
  }
}

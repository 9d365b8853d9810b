import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The start time of a process, as the system prints it. Ids are reused; id and start time together are unique. */
export function beginningOf(pid: number): string | undefined {
  try {
    // Field 22 is the start time. Field 2, the name in parentheses, may contain spaces. See proc(5).
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    // Without a fixed language and time zone, two runs could print the same time in different words.
    const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
    const { status, stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env,
    });
    return status === 0 ? stdout.trim() : undefined;
  }
}

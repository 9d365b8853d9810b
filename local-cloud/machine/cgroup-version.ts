import { readFileSync } from 'node:fs';

/** The version of control groups that a machine sees. */
export type CgroupVersion = 'v1' | 'v2';

/**
 * The version in which this host has the controllers of memory and tasks. A controller is in one version at a time, and
 * stays in version 1 while it is mounted there (https://docs.kernel.org/admin-guide/cgroup-v2.html, "Mounting").
 *
 * @param controllers the content of /proc/cgroups: name, hierarchy, … The hierarchy of version 2 is 0.
 */
export function versionWithLimits(controllers = readFileSync('/proc/cgroups', 'utf8')): CgroupVersion {
  return /^memory\t[1-9]/m.test(controllers) ? 'v1' : 'v2';
}

import { readFile, readdir } from 'node:fs/promises';

/** The ids of all processes, from Linux's `/proc`. Empty on a system without `/proc`. */
export async function processIds(): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

/** True if the process started with this environment variable. Throws if the process does not exist. */
export async function hasVariable(pid: number, name: string, value: string): Promise<boolean> {
  const environment = (await readFile(`/proc/${pid}/environ`)).toString('latin1');
  return environment.split('\0').includes(Buffer.from(`${name}=${value}`, 'utf8').toString('latin1'));
}

/** When a process began, in the kernel's ticks since boot. Undefined: no such process, or no `/proc`. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  // `starttime` is field 22 of proc(5)'s stat. `statFields` begins with field 3.
  return (await statFields(pid))?.[19];
}

async function statFields(pid: number): Promise<string[] | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  // Field 2 is the program's name in brackets. The name may contain anything, a bracket too.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

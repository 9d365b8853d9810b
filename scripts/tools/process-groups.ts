import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/**
 * The process groups that one local cloud started. Each child is spawned `detached`, so its pid is also the
 * id of its group. A group is killed by that number only.
 */
export class Processes {
  private readonly leaders = new Map<number, ChildProcess>();

  add(child: ChildProcess): void {
    const { pid } = child;
    if (pid === undefined) return;
    this.leaders.set(pid, child);
    child.once('exit', () => this.leaders.delete(pid));
  }

  /** Kills each group that still has its leader. Synchronous, because it must work while our process exits. */
  killAll(): void {
    for (const group of this.leaders.keys()) killGroup(group);
  }

  /** Kills each group that still has its leader, and waits until the leaders have ended. */
  async end(): Promise<void> {
    const exits = [...this.leaders.values()].map((leader) => once(leader, 'exit'));
    this.killAll();
    await Promise.all(exits);
  }
}

/** Sends SIGKILL, or another signal, to a process group. A group that has ended is not an error. */
export function killGroup(group: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  // kill(-0) would signal our own group, kill(-1) all processes of this user.
  if (!Number.isInteger(group) || group <= 1) return;
  try {
    process.kill(-group, signal);
  } catch {
    // The group has already ended.
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

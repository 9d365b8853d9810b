import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/**
 * The process groups that one local cloud started. Each child is spawned `detached`, so that its pid is also the id of
 * its own group, and is killed by that number only.
 */
export class Processes {
  private readonly leaders = new Map<number, ChildProcess>();

  add(child: ChildProcess): void {
    const { pid } = child;
    if (pid === undefined) return;
    this.leaders.set(pid, child);
    child.once('exit', () => this.leaders.delete(pid));
  }

  /** Kills every group that still has its leader. Synchronous: it must work while the process exits. */
  killAll(): void {
    for (const group of this.leaders.keys()) killGroup(group);
  }

  /** Kills every group that still has its leader, and waits until the leaders are gone. */
  async end(): Promise<void> {
    const exits = [...this.leaders.values()].map((leader) => once(leader, 'exit'));
    this.killAll();
    await Promise.all(exits);
  }
}

/** SIGKILL, or another signal, to a whole process group; a group that is gone is no error. */
export function killGroup(group: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  // 0 and 1 would mean our own group and everybody's.
  if (!Number.isInteger(group) || group <= 1) return;
  try {
    process.kill(-group, signal);
  } catch {
    // It ended by itself.
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

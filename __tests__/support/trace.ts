import { createHash } from 'node:crypto';
import { runHistory, type HistoryOptions } from '../../simulation/history';

/** Runs a history, and returns its story line by line with the hash of all lines. */
export async function traceOf(
  options: Omit<HistoryOptions, 'onStoryLine'>,
): Promise<{ lines: string[]; hash: string }> {
  const lines: string[] = [];
  await runHistory({ ...options, onStoryLine: (line) => lines.push(line) });
  return { lines, hash: createHash('sha256').update(lines.join('\n')).digest('hex') };
}

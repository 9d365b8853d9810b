import type { Receipt } from '../../lifecycle/records';

/**
 * Why a job failed: the receipt's error, then the last line of the model's stderr. That line mostly says more than the exit
 * code. Undefined: the job has not failed.
 */
export function failureReason({
  error,
  stderrTail,
}: Pick<Receipt, 'error' | 'stderrTail'>): string | undefined {
  if (!error) return undefined;
  const lastLine = (stderrTail ?? '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .at(-1);
  return lastLine === undefined ? error.message : `${error.message}: ${lastLine.trim()}`;
}

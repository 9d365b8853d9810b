import type { Receipt } from '../../lifecycle/records';

/**
 * Why a job failed: the receipt's words, then the last line that the model wrote to stderr, which mostly says more than its
 * exit code. Undefined: it has not failed.
 */
export function failureReason({
  error,
  stderrTail,
}: Pick<Receipt, 'error' | 'stderrTail'>): string | undefined {
  if (!error) return undefined;
  const words = (stderrTail ?? '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .at(-1);
  return words === undefined ? error.message : `${error.message}: ${words.trim()}`;
}

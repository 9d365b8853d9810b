import { duration } from '../console/terminal';
import type { PipelineHandle } from './connect';
import { readReceiptsSince } from './readings/receipts';

/** How long a model's jobs take: medians of the latest jobs that have succeeded. */
interface UsualTime {
  readonly model: string;
  readonly count: number;
  /** From admission to receipt. Includes the wait for the machine. */
  readonly wholeMs: number;
  /** The model's own time. Undefined: no receipt has it. */
  readonly runMs: number | undefined;
}

const READ_BACK_MS = 30 * 24 * 3_600_000;
const RECEIPTS_READ = 30;

/** The usual times of the models that have succeeded in the last 30 days. */
export async function usualTimes(
  { output }: Pick<PipelineHandle, 'output'>,
  models: readonly string[],
  now: number,
): Promise<UsualTime[]> {
  const { receipts } = await readReceiptsSince(output, now - READ_BACK_MS, { limit: RECEIPTS_READ });
  return models.flatMap((model) => {
    const own = receipts.filter((receipt) => receipt.outcome === 'succeeded' && receipt.model.name === model);
    const wholeMs = median(own.map(({ admittedAt, endedAt }) => between(admittedAt, endedAt)));
    if (wholeMs === undefined) return [];
    const runMs = median(
      own.flatMap(({ startedAt, endedAt }) => (startedAt === undefined ? [] : [between(startedAt, endedAt)])),
    );
    return [{ model, count: own.length, wholeMs, runMs }];
  });
}

export function usualText({ model, count, wholeMs, runMs }: UsualTime): string {
  const run = runMs === undefined ? '' : `, of which ${duration(runMs)} is the model`;
  return `${model} usually takes ${duration(wholeMs)} from upload to receipt${run} (median of ${count})`;
}

const between = (from: string, to: string) => Date.parse(to) - Date.parse(from);

function median(numbers: readonly number[]): number | undefined {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 || low === undefined || high === undefined ? high : (low + high) / 2;
}

import { deathsAloneInARow, describeEnded, failuresIn, interruptionsInARow } from '../lifecycle/attempts';
import type { ModelCard } from '../lifecycle/model';
import type { EndedAttempts, Receipt } from '../lifecycle/records';

/** The bounds of a job's attempts. */
export type Limits = Pick<ModelCard, 'maxAttempts' | 'maxInterruptions'>;

/** Unexplained deaths of the machine in a row, with the job's program alone on it, after which the job fails. */
const MAX_DEATHS_ALONE = 3;

/**
 * The error of a job that may not begin again, or undefined. D16: a job that takes the machine down with it must not boot the
 * machine for ever.
 */
export function verdictOn(
  ended: readonly EndedAttempts[],
  { maxAttempts, maxInterruptions }: Limits,
): Receipt['error'] {
  const last = ended.at(-1)?.why ?? 'unknown';
  if (deathsAloneInARow(ended) >= MAX_DEATHS_ALONE) {
    const message =
      `the machine went down ${MAX_DEATHS_ALONE} times in a row while this job ran alone on it, and no part knows why. ` +
      `The model may be the cause: look at its memory, its drivers and the machine's console. ${describeEnded(ended)}`;
    return { kind: 'machine', message };
  }
  if (interruptionsInARow(ended) >= maxInterruptions) {
    const message =
      `interrupted ${interruptionsInARow(ended)} times in a row (maxInterruptions in model.json), and never by the model. ` +
      `Upload the file again when the cause is gone. ${describeEnded(ended)}`;
    return { kind: 'interrupted too often', message };
  }
  const failures = failuresIn(ended);
  // D8
  if (failures < maxAttempts) return undefined;
  const message = `attempts used up: ${failures} made (maxAttempts in model.json); end of the last one: ${last}`;
  return { kind: 'attempts used up', message };
}

import { type Loss, deployedControlBucket, interruptionsOf, lossesOf } from './data-loss';
import type { TerraformPlan } from './terraform-plan';

export interface Allowed {
  /** What holds data may go. */
  readonly dataLoss: boolean;
  /** The instance may be stopped, replaced or destroyed while jobs are open. */
  readonly interruption: boolean;
}

/**
 * Why a plan must not be applied, each with how to go on; none: nothing speaks against it. The ledger is only looked at when
 * the answer depends on it.
 * @param countOpenJobs how many jobs are open in the ledger that the bucket holds
 */
export async function refusalsOf(
  plan: TerraformPlan,
  allowed: Allowed,
  countOpenJobs: (controlBucket: string) => Promise<number>,
): Promise<string[]> {
  const refusals: string[] = [];
  if (!allowed.dataLoss) {
    for (const [what, addresses] of byWhat(lossesOf(plan))) {
      refusals.push(
        `${addresses.join(', ')} would be gone, with ${what}. If that is meant: --allow-data-loss`,
      );
    }
  }
  const interruptions = allowed.interruption ? [] : interruptionsOf(plan);
  const bucket = deployedControlBucket(plan);
  if (interruptions.length === 0 || bucket === undefined) return refusals;
  const open = await countOpenJobs(bucket);
  if (open === 0) return refusals;
  const jobs = open === 1 ? 'one job is open: a model' : `${open} jobs are open: a model`;
  for (const { address, what } of interruptions) {
    refusals.push(
      `${address} ${what}, and ${jobs} may be running on it. Wait until nothing is open ` +
        '(lamplighter status), or, if it may be interrupted: --allow-interruption',
    );
  }
  return refusals;
}

function byWhat(losses: readonly Loss[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { address, what } of losses) found.set(what, [...(found.get(what) ?? []), address]);
  return found;
}

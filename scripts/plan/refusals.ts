import { type Loss, deployedControlBucket, interruptionsOf, lossesOf } from './data-loss';
import { leftKeysOf } from './left-keys';
import type { TerraformPlan } from './terraform-plan';

/** The risks that the user has accepted. */
export interface Allowed {
  /** The plan may destroy resources that hold data. */
  readonly dataLoss: boolean;
  /** The plan may stop, replace or destroy the instance while jobs are open. */
  readonly interruption: boolean;
  /** The plan may leave the pipeline without permission for the key of its own records. */
  readonly keyChange: boolean;
}

/**
 * The reasons why a plan must not be applied. Each says how to continue. Empty: the plan may be applied. The ledger is only
 * read if the answer depends on it.
 * @param countOpenJobs counts the open jobs in the ledger that the bucket holds
 * @param formerKmsKeyArns the setting of this name
 */
export async function refusalsOf(
  plan: TerraformPlan,
  allowed: Allowed,
  countOpenJobs: (controlBucket: string) => Promise<number>,
  formerKmsKeyArns: readonly string[],
): Promise<string[]> {
  const refusals: string[] = [];
  for (const key of allowed.keyChange ? [] : leftKeysOf(plan, formerKmsKeyArns)) {
    refusals.push(
      `The buckets no longer use the key ${key}, but their objects stay encrypted with it. The pipeline could not read its ` +
        'own records. Add the key to formerKmsKeyArns. To deploy without it: --allow-key-change',
    );
  }
  if (!allowed.dataLoss) {
    for (const [data, addresses] of addressesByData(lossesOf(plan))) {
      refusals.push(
        `${addresses.join(', ')} would be destroyed, with ${data}. To accept that: --allow-data-loss`,
      );
    }
  }
  const interruptions = allowed.interruption ? [] : interruptionsOf(plan);
  const bucket = deployedControlBucket(plan);
  if (interruptions.length === 0 || bucket === undefined) return refusals;
  const open = await countOpenJobs(bucket);
  if (open === 0) return refusals;
  const jobs = open === 1 ? 'one job is open: a model' : `${open} jobs are open: a model`;
  for (const { address, cause } of interruptions) {
    refusals.push(
      `${address} ${cause}, and ${jobs} may be running on it. Wait until no job is open ` +
        '(lamplighter status). To interrupt the model: --allow-interruption',
    );
  }
  return refusals;
}

function addressesByData(losses: readonly Loss[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { address, data } of losses) found.set(data, [...(found.get(data) ?? []), address]);
  return found;
}

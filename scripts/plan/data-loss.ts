import { isDestroyed } from './changes';
import type { ResourceChange, TerraformPlan } from './terraform-plan';

/** A resource that holds data and that the plan destroys. */
export interface Loss {
  readonly address: string;
  /** The data that is lost with it, for people: `its logs`. */
  readonly data: string;
}

/** The data that is lost with a resource, by type, for people. */
const DATA_OF_TYPE: Readonly<Record<string, string>> = {
  aws_cloudwatch_log_group: 'its logs',
  aws_dynamodb_table: 'its items',
  aws_ebs_volume: 'the data on the disk',
  aws_efs_file_system: 'its files',
  aws_kms_key: 'everything that is encrypted with it, which becomes unreadable',
  aws_s3_bucket: 'every object in it, with all versions',
  aws_s3_object: 'all its versions; an open job that is pinned to one of them fails',
};

/** The resources that hold data and that a plan destroys or replaces. */
export function lossesOf(plan: TerraformPlan): Loss[] {
  return plan.resource_changes.flatMap((resource) => {
    const data = DATA_OF_TYPE[resource.type];
    return data === undefined || !isDestroyed(resource) ? [] : [{ address: resource.address, data }];
  });
}

/** Arguments for which the provider stops a running instance, changes it and starts it again. */
const NEEDS_STOP = ['instance_type', 'user_data', 'user_data_base64', 'capacity_reservation_specification'];

/** The instances that a plan stops, replaces or destroys. `cause` is for people: `is replaced`. */
export function interruptionsOf(plan: TerraformPlan) {
  return plan.resource_changes.flatMap(({ type, mode, address, change }) => {
    const cause = type === 'aws_instance' && mode === 'managed' ? interruptionCause(change) : undefined;
    return cause === undefined ? [] : [{ address, cause }];
  });
}

function interruptionCause({ actions, before, after }: ResourceChange['change']): string | undefined {
  if (actions.includes('delete')) return actions.includes('create') ? 'is replaced' : 'is destroyed';
  if (!actions.includes('update')) return undefined;
  const changed = NEEDS_STOP.filter(
    (argument) => JSON.stringify(before?.[argument]) !== JSON.stringify(after?.[argument]),
  );
  return changed.length === 0 ? undefined : `is stopped to change ${changed.join(', ')}`;
}

/** The name of the deployed control bucket, which holds the ledger. Undefined before the first deploy. */
export function deployedControlBucket(plan: TerraformPlan): string | undefined {
  const bucket = plan.resource_changes.find(({ address }) => address === 'aws_s3_bucket.control');
  const name = bucket?.change.before?.bucket;
  return typeof name === 'string' ? name : undefined;
}

import { isDestroyed } from './changes';
import type { ResourceChange, TerraformPlan } from './terraform-plan';

/** Something that holds data and would be gone. */
export interface Loss {
  readonly address: string;
  readonly what: string;
}

/** What is lost with a resource of each type that holds data. */
const HOLDS: Readonly<Record<string, string>> = {
  aws_cloudwatch_log_group: 'its logs',
  aws_dynamodb_table: 'its items',
  aws_ebs_volume: 'what is on the disk',
  aws_efs_file_system: 'its files',
  aws_kms_key: 'what is encrypted with it, which nobody can read any more',
  aws_s3_bucket: 'every object in it, with all versions',
  aws_s3_object: 'all its versions; a job that is open and pinned to one of them fails',
};

/** What a plan destroys or replaces though it holds data. */
export function lossesOf(plan: TerraformPlan): Loss[] {
  return plan.resource_changes.flatMap((resource) => {
    const what = HOLDS[resource.type];
    return what === undefined || !isDestroyed(resource) ? [] : [{ address: resource.address, what }];
  });
}

/** The provider stops a running instance to change these, and starts it again. */
const NEEDS_STOP = ['instance_type', 'user_data', 'user_data_base64', 'capacity_reservation_specification'];

/** What a plan does to instances that ends whatever runs on them. */
export function interruptionsOf(plan: TerraformPlan): Loss[] {
  return plan.resource_changes
    .filter(({ type, mode }) => type === 'aws_instance' && mode === 'managed')
    .flatMap((resource) => {
      const what = interruption(resource);
      return what === undefined ? [] : [{ address: resource.address, what }];
    });
}

function interruption({ change }: ResourceChange): string | undefined {
  if (change.actions.includes('delete')) {
    return change.actions.includes('create') ? 'is replaced' : 'is destroyed';
  }
  if (!change.actions.includes('update')) return undefined;
  const { before, after } = change;
  const changed = NEEDS_STOP.filter(
    (argument) => JSON.stringify(before?.[argument]) !== JSON.stringify(after?.[argument]),
  );
  return changed.length === 0 ? undefined : `is stopped to change ${changed.join(', ')}`;
}

/** The bucket of the ledger, as it is deployed now; undefined before the first deploy. */
export function deployedControlBucket(plan: TerraformPlan): string | undefined {
  const bucket = plan.resource_changes.find(({ address }) => address === 'aws_s3_bucket.control');
  const name = bucket?.change.before?.bucket;
  return typeof name === 'string' ? name : undefined;
}

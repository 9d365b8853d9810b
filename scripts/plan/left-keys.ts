import { z } from 'zod';
import type { TerraformPlan } from './terraform-plan';

const encryptionSchema = z.object({
  rule: z.array(
    z.object({
      apply_server_side_encryption_by_default: z.array(z.object({ kms_master_key_id: z.string().nullish() })),
    }),
  ),
});

/** The keys that a plan takes from buckets which stay, and that are not in `formerKmsKeyArns`. Each key once. */
export function leftKeysOf(plan: TerraformPlan, formerKmsKeyArns: readonly string[]): string[] {
  const left = plan.resource_changes.flatMap(({ type, name, change }) => {
    if (type !== 'aws_s3_bucket_server_side_encryption_configuration' || isLost(plan, name)) return [];
    const after = keysIn(change.after);
    return keysIn(change.before).filter((key) => !after.includes(key) && !formerKmsKeyArns.includes(key));
  });
  return [...new Set(left)];
}

/** Whether the plan destroys the bucket, with every object that the key encrypts. */
function isLost(plan: TerraformPlan, bucket: string): boolean {
  return plan.resource_changes.some(
    ({ address, change }) => address === `aws_s3_bucket.${bucket}` && change.actions.includes('delete'),
  );
}

function keysIn(values: unknown): string[] {
  const rules = encryptionSchema.safeParse(values).data?.rule ?? [];
  const defaults = rules.flatMap((rule) => rule.apply_server_side_encryption_by_default);
  return defaults.flatMap(({ kms_master_key_id: key }) =>
    key === undefined || key === null || key === '' ? [] : [key],
  );
}

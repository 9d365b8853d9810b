import { z } from 'zod';
import type { SettingConflict } from './conflict';

/** The ARN of a KMS key. An alias would work for a bucket, but not in a policy. */
export const keyArn = z
  .string()
  .regex(
    /^arn:aws[a-z-]*:kms:[a-z]{2}(-[a-z]+){1,2}-\d:\d{12}:key\/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/,
  );

const example = 'arn:aws:kms:eu-central-1:123456789012:key/… (not an alias)';

/** The user's own KMS keys for the pipeline's data. */
export const encryptionSettings = {
  /** The key of the buckets, the disk and the logs. @default keys that AWS owns or manages */
  kmsKeyArn: keyArn.optional().describe(`a KMS key's ARN: ${example}`),
  /**
   * Earlier keys of the buckets. The pipeline may still decrypt with them, because its records and uploads stay encrypted as
   * they were written. @default none
   */
  formerKmsKeyArns: z
    .array(keyArn)
    .refine((arns) => arns.length <= 10 && new Set(arns).size === arns.length)
    .default([])
    .describe(`a list of at most 10 different KMS key ARNs: ${example}`),
  /** The key of the disk. @default kmsKeyArn, or the account's default key for EBS */
  diskKmsKeyArn: keyArn.optional().describe(`a KMS key's ARN: ${example}`),
};

export function encryptionConflicts(
  settings: z.infer<z.ZodObject<typeof encryptionSettings>> & { readonly region: string },
): readonly SettingConflict[] {
  const { kmsKeyArn, diskKmsKeyArn, formerKmsKeyArns, region } = settings;
  const isElsewhere = (arn: string) => arn.split(':')[3] !== region;
  const conflicts = Object.entries({ kmsKeyArn, diskKmsKeyArn }).flatMap(([setting, arn]) =>
    arn !== undefined && isElsewhere(arn)
      ? [{ setting, allowed: `a key in ${region}, the pipeline's region` }]
      : [],
  );
  if (formerKmsKeyArns.some(isElsewhere)) {
    const allowed = `a list of keys in ${region}, the pipeline's region`;
    conflicts.push({ setting: 'formerKmsKeyArns', allowed });
  }
  if (kmsKeyArn !== undefined && formerKmsKeyArns.includes(kmsKeyArn)) {
    const allowed = 'a list without kmsKeyArn, which is the present key';
    conflicts.push({ setting: 'formerKmsKeyArns', allowed });
  }
  return conflicts;
}

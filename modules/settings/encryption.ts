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
  /** The key of the disk. @default kmsKeyArn, or the account's default key for EBS */
  diskKmsKeyArn: keyArn.optional().describe(`a KMS key's ARN: ${example}`),
};

export function encryptionConflicts(
  settings: z.infer<z.ZodObject<typeof encryptionSettings>> & { readonly region: string },
): readonly SettingConflict[] {
  return (['kmsKeyArn', 'diskKmsKeyArn'] as const).flatMap((setting) => {
    const region = settings[setting]?.split(':')[3];
    if (region === undefined || region === settings.region) return [];
    return [{ setting, allowed: `a key in ${settings.region}, the pipeline's region` }];
  });
}

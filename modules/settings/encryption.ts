import { z } from 'zod';
import type { SettingConflict } from './conflict';

/** An alias would do for a bucket, but not in a policy: KMS knows a key by its ARN only. */
export const keyArn = z
  .string()
  .regex(
    /^arn:aws[a-z-]*:kms:[a-z]{2}(-[a-z]+){1,2}-\d:\d{12}:key\/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/,
  );

const example = 'arn:aws:kms:eu-central-1:123456789012:key/… (not an alias)';

/** Keys of one's own for what the pipeline keeps. */
export const encryptionSettings = {
  /** For the buckets, the disk and the functions' logs. @default keys that AWS owns or manages */
  kmsKeyArn: keyArn.optional().describe(`a KMS key's ARN: ${example}`),
  /** For the disk alone. @default kmsKeyArn, or the account's default key for EBS */
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

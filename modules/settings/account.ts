import { z } from 'zod';
import type { SettingConflict } from './conflict';
import { keyArn } from './encryption';
import { optionalText, regionName } from './fields';

const ROLE_ARN = /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/;

/** The account of a pipeline, the role that deploys it, its permissions boundary, and its Terraform state. */
export const accountSettings = {
  /** @default the account of the credentials */
  accountId: optionalText(
    /^\d{12}$/,
    'the number of the only AWS account to deploy to: 12 digits, in quotes',
  ),
  /** The role that Terraform assumes. @default none: Terraform uses the credentials directly */
  deployRoleArn: optionalText(
    ROLE_ARN,
    'the ARN of a role that deploys, for example arn:aws:iam::123456789012:role/deploy',
  ),
  /** The permissions boundary of every role of the pipeline. @default none */
  permissionsBoundaryArn: optionalText(
    /^arn:aws[a-z-]*:iam::(\d{12}|aws):policy\/[\w+=,.@/-]{1,576}$/,
    "a policy's ARN, for example arn:aws:iam::123456789012:policy/boundary",
  ),
  /** @default a file beside cdktf.json */
  state: z
    .strictObject({
      /** An existing bucket. It should be versioned, so that an old state can be restored. */
      bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
      /** @default lamplighter/<name>.tfstate */
      key: z
        .string()
        .regex(/^[\w!.*'()-][\w!.*'()/-]{0,900}$/)
        .optional(),
      /** The bucket's region. @default the pipeline's */
      region: regionName.optional(),
      kmsKeyArn: keyArn.optional(),
      /** The role that reads and writes the state. @default none: Terraform uses the credentials directly */
      roleArn: z.string().regex(ROLE_ARN).optional(),
    })
    .optional()
    .describe(
      'an object with bucket (the name of a bucket) and, optionally, key, region, kmsKeyArn (a key ARN) and roleArn (a role ARN)',
    ),
};

export function accountConflicts(
  settings: z.infer<z.ZodObject<typeof accountSettings>>,
): readonly SettingConflict[] {
  const { accountId } = settings;
  return (['deployRoleArn', 'permissionsBoundaryArn'] as const).flatMap((setting) => {
    const account = settings[setting]?.split(':')[4];
    if (account === undefined || account === 'aws' || accountId === undefined || account === accountId)
      return [];
    return [{ setting, allowed: `an ARN of the account ${accountId}, which is the setting accountId` }];
  });
}

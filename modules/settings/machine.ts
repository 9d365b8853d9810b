import { z } from 'zod';
import type { SettingConflict } from './conflict';

export type Architecture = 'x86_64' | 'arm64';

/** What the instance boots from, and how it is paid for. */
export const machineSettings = {
  /**
   * A public parameter of Systems Manager that holds an image's id; an image's id; or a name to look for, of which the newest
   * is taken. @default Amazon Linux 2023
   */
  image: z
    .union([
      z.string().regex(/^\/[\w./-]{1,1010}$/),
      z.string().regex(/^ami-[0-9a-f]{8,17}$/),
      z.strictObject({
        name: z.string().regex(/^[\w .:()[\]/@'*?-]{3,128}$/),
        owner: z.union([z.string().regex(/^\d{12}$/), z.enum(['amazon', 'self', 'aws-marketplace'])]),
      }),
    ])
    .optional()
    .describe(
      'a Systems Manager parameter that holds an image (/aws/service/…), an image id (ami-…), or { "name": "pattern-*", ' +
        '"owner": "amazon", "self" or an account number in quotes }',
    ),
  /** Whether the instance is a spot instance: cheaper, and EC2 may take it away at two minutes' notice. */
  spot: z.boolean().default(false).describe('true or false'),
};

/** The processor of an instance type: Graviton families carry a g behind their generation's number (c7g, im4gn). */
export function architectureOf(instanceType: string): Architecture {
  return /^a1\.|^[a-z]+\d[a-z-]*g/.test(instanceType) ? 'arm64' : 'x86_64';
}

/** Families with an NVIDIA GPU. https://docs.aws.amazon.com/dlami/latest/devguide/gpu.html */
export function hasNvidiaGpu(instanceType: string): boolean {
  return /^(p\d|gr?\d)/.test(instanceType) && !/^g4ad\./.test(instanceType);
}

/** Public parameters say in their path what they are for; whatever else the image is, Terraform looks when it plans. */
export function machineConflicts(settings: {
  readonly image?: z.infer<typeof machineSettings.image>;
  readonly instanceType: string;
}): readonly SettingConflict[] {
  const { image, instanceType } = settings;
  if (typeof image !== 'string') return [];
  const wanted = architectureOf(instanceType);
  const named = /(?:^|[/_-])(x86_64|arm64)(?:$|[/_-])/.exec(image)?.[1];
  if (named === undefined || named === wanted) return [];
  return [
    { setting: 'image', allowed: `an image for ${wanted}, which is the architecture of ${instanceType}` },
  ];
}

import { z } from 'zod';
import type { SettingConflict } from './conflict';
import { flag } from './fields';

export type Architecture = 'x86_64' | 'arm64';

/** The instance's image, and whether it is a spot instance. */
export const machineSettings = {
  /**
   * A public parameter of Systems Manager that contains an image's id; an image's id; or a name pattern, whose newest image
   * is used. @default Amazon Linux 2023
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
      'a Systems Manager parameter that contains an image id (/aws/service/…), an image id (ami-…), or { "name": "pattern-*", ' +
        '"owner": "amazon", "self" or an account number in quotes }',
    ),
  /** Whether the instance is a spot instance, which costs less and which EC2 may stop with two minutes' notice. */
  spot: flag(false),
};

/** The architecture of an instance type. Graviton families have a g after the generation's number (c7g, im4gn). */
export function architectureOf(instanceType: string): Architecture {
  return /^a1\.|^[a-z]+\d[a-z-]*g/.test(instanceType) ? 'arm64' : 'x86_64';
}

/** Whether the instance type has an NVIDIA GPU. https://docs.aws.amazon.com/dlami/latest/devguide/gpu.html */
export function hasNvidiaGpu(instanceType: string): boolean {
  return /^(p\d|gr?\d)/.test(instanceType) && !/^g4ad\./.test(instanceType);
}

/** A public parameter's path contains the architecture. The architecture of other images is checked when Terraform plans. */
export function machineConflicts(settings: {
  readonly image?: z.infer<typeof machineSettings.image>;
  readonly instanceType: string;
}): readonly SettingConflict[] {
  const { image, instanceType } = settings;
  if (typeof image !== 'string') return [];
  const instanceArchitecture = architectureOf(instanceType);
  const imageArchitecture = /(?:^|[/_-])(x86_64|arm64)(?:$|[/_-])/.exec(image)?.[1];
  if (imageArchitecture === undefined || imageArchitecture === instanceArchitecture) return [];
  const allowed = `an image for ${instanceArchitecture}, which is the architecture of ${instanceType}`;
  return [{ setting: 'image', allowed }];
}

import { z } from 'zod';
import { isSet, type SettingConflict } from './conflict';

/** Without a public address the instance reaches Systems Manager through these, or not at all. */
const AGENT_ENDPOINTS = ['ssm', 'ssmmessages', 'ec2messages'] as const;

/** Where the instance is: a small network of its own, or one that exists. */
export const networkSettings = {
  networkCidr: z
    .cidrv4()
    .refine(isNetwork)
    .default('10.71.0.0/24')
    .describe('an IPv4 network from /16 to /28 without host bits, for example 10.71.0.0/24'),
  /** @default the one that AWS chooses */
  availabilityZone: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+){1,2}-\d[a-z]$/)
    .optional()
    .describe('a zone of the region, for example eu-central-1a'),
  /** An existing VPC, together with subnetIds. @default a network of the pipeline's own */
  vpcId: z
    .string()
    .regex(/^vpc-[0-9a-f]{8,17}$/)
    .optional()
    .describe('the id of a VPC, for example vpc-0123456789abcdef0'),
  /** Subnets of that VPC. There is one instance, and it is in the first. */
  subnetIds: z
    .array(z.string().regex(/^subnet-[0-9a-f]{8,17}$/))
    .min(1)
    .optional()
    .describe('a list of ids of subnets, for example ["subnet-0123456789abcdef0"]'),
  /** Whether the pipeline's own network has no way to the internet, but endpoints of AWS's services. */
  privateNetwork: z.boolean().default(false).describe('true or false'),
  /** The services that a private network reaches, beside S3; each interface endpoint costs money by the hour. */
  privateEndpoints: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9.-]{1,60}$/))
    .refine((services) => AGENT_ENDPOINTS.every((service) => services.includes(service)))
    .refine((services) => new Set(services).size === services.length && !services.includes('s3'))
    .default([...AGENT_ENDPOINTS, 'logs'])
    .describe(
      'a list of services without repetitions, among them ssm, ssmmessages and ec2messages, without s3, which is always there',
    ),
};

export function networkConflicts(
  settings: z.infer<z.ZodObject<typeof networkSettings>> & { readonly region: string },
  entry: unknown,
): readonly SettingConflict[] {
  const { availabilityZone, region, vpcId, subnetIds, privateNetwork } = settings;
  const conflicts: SettingConflict[] = [];
  if (availabilityZone !== undefined && availabilityZone.slice(0, -1) !== region) {
    conflicts.push({ setting: 'availabilityZone', allowed: `a zone of ${region}` });
  }
  if (vpcId !== undefined && subnetIds === undefined) {
    conflicts.push({ setting: 'subnetIds', allowed: `a list of subnets of ${vpcId}` });
  }
  if (vpcId === undefined && subnetIds !== undefined) {
    conflicts.push({ setting: 'vpcId', allowed: 'the VPC that subnetIds are in' });
  }
  if (vpcId !== undefined) {
    const ofOurOwn = ['networkCidr', 'availabilityZone', 'privateNetwork', 'privateEndpoints'];
    for (const setting of ofOurOwn.filter((name) => isSet(entry, name))) {
      conflicts.push({ setting, allowed: 'nothing, since vpcId names a network that exists' });
    }
  } else if (!privateNetwork && isSet(entry, 'privateEndpoints')) {
    conflicts.push({ setting: 'privateEndpoints', allowed: 'nothing, unless privateNetwork is true' });
  }
  return conflicts;
}

/** Between /16 and /28, which is what a VPC takes, and without host bits, which AWS would silently cut off. */
function isNetwork(cidr: string): boolean {
  const [address = '', length = ''] = cidr.split('/');
  const bits = Number(length);
  if (bits < 16 || bits > 28) return false;
  const number = address.split('.').reduce((total, octet) => total * 256 + Number(octet), 0);
  return number % 2 ** (32 - bits) === 0;
}

import { z } from 'zod';
import { isSet, type SettingConflict } from './conflict';
import { flag, optionalText } from './fields';

/** Services that the SSM agent needs. In a private network the agent reaches them only through endpoints. */
const AGENT_ENDPOINTS = ['ssm', 'ssmmessages', 'ec2messages'] as const;

/** The instance's network: a new small one, or an existing one. */
export const networkSettings = {
  networkCidr: z
    .cidrv4()
    .refine(isNetwork)
    .default('10.71.0.0/24')
    .describe('an IPv4 network from /16 to /28 without host bits, for example 10.71.0.0/24'),
  /** @default a zone that AWS chooses */
  availabilityZone: optionalText(
    /^[a-z]{2}(-[a-z]+){1,2}-\d[a-z]$/,
    'a zone of the region, for example eu-central-1a',
  ),
  /** An existing VPC; needs subnetIds. @default a new network for the pipeline */
  vpcId: optionalText(/^vpc-[0-9a-f]{8,17}$/, 'the id of a VPC, for example vpc-0123456789abcdef0'),
  /** Subnets of that VPC. The one instance is in the first. */
  subnetIds: z
    .array(z.string().regex(/^subnet-[0-9a-f]{8,17}$/))
    .min(1)
    .optional()
    .describe('a list of at least one subnet id, for example ["subnet-0123456789abcdef0"]'),
  /** Whether the pipeline's own network has endpoints of AWS's services instead of access to the internet. */
  privateNetwork: flag(false),
  /** The AWS services that a private network reaches besides S3. Each interface endpoint costs money by the hour. */
  privateEndpoints: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9.-]{1,60}$/))
    .refine((services) => AGENT_ENDPOINTS.every((service) => services.includes(service)))
    .refine((services) => new Set(services).size === services.length && !services.includes('s3'))
    .default([...AGENT_ENDPOINTS, 'logs'])
    .describe(
      'a list of different services that contains ssm, ssmmessages and ec2messages and does not contain s3, which is always there',
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
    conflicts.push({ setting: 'subnetIds', allowed: `a list of subnet ids of ${vpcId}` });
  }
  if (vpcId === undefined && subnetIds !== undefined) {
    conflicts.push({ setting: 'vpcId', allowed: 'the id of the VPC that contains subnetIds' });
  }
  if (vpcId !== undefined) {
    const ownNetworkSettings = ['networkCidr', 'availabilityZone', 'privateNetwork', 'privateEndpoints'];
    for (const setting of ownNetworkSettings.filter((name) => isSet(entry, name))) {
      conflicts.push({ setting, allowed: 'no value, because vpcId selects an existing network' });
    }
  } else if (!privateNetwork && isSet(entry, 'privateEndpoints')) {
    conflicts.push({ setting: 'privateEndpoints', allowed: 'no value, unless privateNetwork is true' });
  }
  return conflicts;
}

/** Whether a VPC accepts the network: from /16 to /28, and without host bits, which AWS would silently remove. */
function isNetwork(cidr: string): boolean {
  const [address = '', length = ''] = cidr.split('/');
  const bits = Number(length);
  if (bits < 16 || bits > 28) return false;
  const number = address.split('.').reduce((total, octet) => total * 256 + Number(octet), 0);
  return number % 2 ** (32 - bits) === 0;
}

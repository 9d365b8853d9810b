import type { MotoApi } from '../moto/moto-api';
import { setIn } from './xml';

/** An element of an answer. An empty list is an empty text. */
type Element = Readonly<Record<string, unknown>>;

/** The interface endpoints that replace a way to the internet for the SSM agent. */
const AGENT_SERVICES = ['ssm', 'ssmmessages', 'ec2messages'];

const HTTPS_PORT = 443;

/**
 * What keeps the instance from Systems Manager, in words. Undefined: nothing does. The agent needs an outbound rule of its
 * security groups. It also needs a route to the internet, or an endpoint of each service that its security groups may use.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/setup-create-vpc.html
 * Throws AwsError if the instance does not exist.
 */
export async function missingWayOut(moto: MotoApi, instanceId: string): Promise<string | undefined> {
  const instance = await first(moto, 'DescribeInstances', { 'InstanceId.1': instanceId }, [
    'reservationSet',
    'instancesSet',
  ]);
  const { subnetId, vpcId } = instance ?? {};
  if (typeof subnetId !== 'string' || typeof vpcId !== 'string') return undefined;
  const groups = itemsOf(itemsOf(instance?.networkInterfaceSet)[0]?.groupSet).map(({ groupId }) => groupId);
  const rules = await permissionsOf(moto, groups, 'ipPermissionsEgress');
  if (!rules.some(allowsHttps)) return 'its security groups have no rule for HTTPS to outside';
  if (await hasInternet(moto, subnetId, vpcId)) return undefined;
  const missing = await servicesWithoutEndpoint(moto, vpcId, groups);
  if (missing.length === 0) return undefined;
  return `its subnet has no route to the internet, and its network no endpoint of ${missing.join(', ')}`;
}

/** moto's default network lacks the route that AWS's has. */
async function hasInternet(moto: MotoApi, subnetId: string, vpcId: string): Promise<boolean> {
  const subnet = await first(moto, 'DescribeSubnets', { 'SubnetId.1': subnetId }, ['subnetSet']);
  if (subnet?.defaultForAz === 'true') return true;
  const own = { 'Filter.1.Name': 'association.subnet-id', 'Filter.1.Value.1': subnetId };
  const main = {
    ...{ 'Filter.1.Name': 'vpc-id', 'Filter.1.Value.1': vpcId },
    ...{ 'Filter.2.Name': 'association.main', 'Filter.2.Value.1': 'true' },
  };
  const tableOf = (filter: Record<string, string>) =>
    first(moto, 'DescribeRouteTables', filter, ['routeTableSet']);
  const table = (await tableOf(own)) ?? (await tableOf(main));
  return itemsOf(table?.routeSet).some(
    ({ destinationCidrBlock, gatewayId, natGatewayId }) =>
      destinationCidrBlock === '0.0.0.0/0' && (isPresent(gatewayId) || isPresent(natGatewayId)),
  );
}

async function servicesWithoutEndpoint(
  moto: MotoApi,
  vpcId: string,
  groups: readonly unknown[],
): Promise<string[]> {
  const filter = { 'Filter.1.Name': 'vpc-id', 'Filter.1.Value.1': vpcId };
  const endpoints = setIn(await moto.query('ec2', 'DescribeVpcEndpoints', filter), ['vpcEndpointSet']);
  const usable = new Set<string>();
  for (const { serviceName, vpcEndpointType, groupSet } of endpoints) {
    if (vpcEndpointType !== 'Interface') continue;
    const own = itemsOf(groupSet).map(({ groupId }) => groupId);
    const rules = (await permissionsOf(moto, own, 'ipPermissions')).filter(allowsHttps);
    const isOpen = rules.some(
      (rule) =>
        itemsOf(rule.ipRanges).length > 0 ||
        itemsOf(rule.groups).some(({ groupId }) => groups.includes(groupId)),
    );
    if (isOpen) usable.add(String(serviceName).split('.').slice(3).join('.'));
  }
  return AGENT_SERVICES.filter((service) => !usable.has(service));
}

/** The rules of security groups. */
async function permissionsOf(
  moto: MotoApi,
  groups: readonly unknown[],
  direction: 'ipPermissions' | 'ipPermissionsEgress',
): Promise<Element[]> {
  if (groups.length === 0) return [];
  const ids = Object.fromEntries(groups.map((id, index) => [`GroupId.${index + 1}`, String(id)]));
  const found = setIn(await moto.query('ec2', 'DescribeSecurityGroups', ids), ['securityGroupInfo']);
  return found.flatMap((group) => itemsOf(group[direction]));
}

function allowsHttps({ ipProtocol, fromPort, toPort }: Element): boolean {
  if (ipProtocol === '-1') return true;
  return ipProtocol === 'tcp' && Number(fromPort) <= HTTPS_PORT && Number(toPort) >= HTTPS_PORT;
}

async function first(
  moto: MotoApi,
  operation: string,
  fields: Record<string, string>,
  path: readonly string[],
): Promise<Element | undefined> {
  return setIn(await moto.query('ec2', operation, fields), path)[0];
}

function itemsOf(set: unknown): Element[] {
  return typeof set === 'object' && set !== null && 'item' in set ? (set.item as Element[]) : [];
}

const isPresent = (value: unknown) => typeof value === 'string' && value !== '';

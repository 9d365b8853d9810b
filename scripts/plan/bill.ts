import type { Bill } from '../prices/pipeline-price';
import type { PlannedResource } from './planned';

/** What the resources of one pipeline cost something for. */
export function billOf(resources: readonly PlannedResource[]): Bill {
  const all = (type: string) => resources.filter((resource) => resource.type === type);
  const [instance] = all('aws_instance');
  const endpoints = all('aws_vpc_endpoint').filter(
    (endpoint) => endpoint.text('vpc_endpoint_type') === 'Interface',
  );
  return {
    diskGib: sum([...all('aws_instance').flatMap(instanceDisks), ...all('aws_ebs_volume').map(volume)]),
    instanceType: instance?.text('instance_type'),
    hasPublicAddress:
      instance !== undefined &&
      (instance.get('associate_public_ip_address') === true ||
        all('aws_subnet').some((subnet) => subnet.get('map_public_ip_on_launch') === true)),
    elasticAddresses: all('aws_eip').length,
    natGateways: all('aws_nat_gateway').length,
    interfaceEndpoints: endpoints.reduce((count, endpoint) => count + zonesOf(endpoint), 0),
    sweepMinutes: sweepMinutes(resources),
    functionMemoryMib: Math.max(
      128,
      ...all('aws_lambda_function').map((one) => one.number('memory_size') ?? 128),
    ),
    alarms: all('aws_cloudwatch_metric_alarm').length + all('aws_cloudwatch_composite_alarm').length,
    kmsKeys: all('aws_kms_key').length,
  };
}

function instanceDisks(instance: PlannedResource): (number | undefined)[] {
  return [...instance.blocks('root_block_device'), ...instance.blocks('ebs_block_device')].map((disk) =>
    disk.volume_type === 'gp3' && typeof disk.volume_size === 'number' ? disk.volume_size : undefined,
  );
}

function volume(resource: PlannedResource): number | undefined {
  return resource.text('type') === 'gp3' ? resource.number('size') : undefined;
}

function sum(numbers: readonly (number | undefined)[]): number | undefined {
  return numbers.reduce(
    (total, one) => (total === undefined || one === undefined ? undefined : total + one),
    0,
  );
}

/** AWS bills an endpoint in each zone that it has a subnet in. */
function zonesOf(endpoint: PlannedResource): number {
  const subnets = endpoint.get('subnet_ids');
  return Array.isArray(subnets) && subnets.length > 0 ? subnets.length : 1;
}

function sweepMinutes(resources: readonly PlannedResource[]): number | undefined {
  const rates = resources
    .filter(({ type }) => type === 'aws_cloudwatch_event_rule')
    .map((rule) => /^rate\((\d+) minutes?\)$/.exec(rule.text('schedule_expression') ?? '')?.[1]);
  const minutes = rates.find((rate) => rate !== undefined);
  return minutes === undefined ? undefined : Number(minutes);
}

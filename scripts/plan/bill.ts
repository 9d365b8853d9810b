import type { Bill } from '../prices/pipeline-price';
import type { PlannedResource } from './planned';

/** Everything that AWS charges for in the resources of one pipeline. */
export function billOf(resources: readonly PlannedResource[]): Bill {
  const ofType = (type: string) => resources.filter((resource) => resource.type === type);
  const [instance] = ofType('aws_instance');
  const endpoints = ofType('aws_vpc_endpoint').filter(
    (endpoint) => endpoint.text('vpc_endpoint_type') === 'Interface',
  );
  const functions = ofType('aws_lambda_function');
  const memoryOf = (lambdas: readonly PlannedResource[]) =>
    Math.max(128, ...lambdas.map((lambda) => lambda.number('memory_size') ?? 128));
  const disks = [
    ...ofType('aws_instance').flatMap(instanceDisksGib),
    ...ofType('aws_ebs_volume').map(volumeGib),
  ];
  return {
    diskGib: sum(disks),
    instanceType: instance?.text('instance_type'),
    hasPublicAddress:
      instance !== undefined &&
      (instance.get('associate_public_ip_address') === true ||
        ofType('aws_subnet').some((subnet) => subnet.get('map_public_ip_on_launch') === true)),
    elasticAddresses: ofType('aws_eip').length,
    natGateways: ofType('aws_nat_gateway').length,
    interfaceEndpoints: endpoints.reduce((count, endpoint) => count + zonesOf(endpoint), 0),
    sweepMinutes: sweepMinutes(resources),
    functionMemoryMib: memoryOf(functions.filter(({ name }) => name !== 'worker')),
    workerMemoryMib: memoryOf(functions.filter(({ name }) => name === 'worker')),
    alarms: ofType('aws_cloudwatch_metric_alarm').length + ofType('aws_cloudwatch_composite_alarm').length,
    kmsKeys: ofType('aws_kms_key').length,
  };
}

function instanceDisksGib(instance: PlannedResource): (number | undefined)[] {
  return [...instance.blocks('root_block_device'), ...instance.blocks('ebs_block_device')].map((disk) =>
    disk.volume_type === 'gp3' && typeof disk.volume_size === 'number' ? disk.volume_size : undefined,
  );
}

/** Undefined: the price table has no price for this volume type. */
function volumeGib(resource: PlannedResource): number | undefined {
  return resource.text('type') === 'gp3' ? resource.number('size') : undefined;
}

/** Undefined when one of the numbers is. */
function sum(numbers: readonly (number | undefined)[]): number | undefined {
  return numbers.reduce(
    (total, number) => (total === undefined || number === undefined ? undefined : total + number),
    0,
  );
}

/** AWS charges for an endpoint once per availability zone, that is, per subnet. */
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

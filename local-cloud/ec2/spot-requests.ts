import { type Answer, AwsError, xmlAnswer } from '../wire/answer';
import { listIn } from '../wire/call';
import type { Ec2Instance, Ec2Instances, SpotRequest } from './instances';

/** The spot request of a RunInstances call; undefined if the call is for an on-demand instance. */
export function spotRequestIn(form: URLSearchParams, instanceId: string): SpotRequest | undefined {
  if (form.get('InstanceMarketOptions.MarketType') !== 'spot') return undefined;
  const option = (name: string) => form.get(`InstanceMarketOptions.SpotOptions.${name}`) ?? undefined;
  return {
    id: `sir-${instanceId.slice(-8)}`,
    interruptionBehavior: option('InstanceInterruptionBehavior') ?? 'terminate',
    type: option('SpotInstanceType') ?? 'one-time',
    isCancelled: false,
    isInterrupted: false,
  };
}

/** Throws AwsError, as EC2 does, for the start of an instance that EC2 has interrupted. */
export function refuseStartOfInterrupted(instances: readonly Ec2Instance[]): void {
  const interrupted = instances.find(({ spot }) => spot?.isInterrupted);
  if (!interrupted) return;
  const text =
    `You can't start the Spot Instance '${interrupted.instanceId}' because the associated Spot Instance request is not in an ` +
    'appropriate state to support start.';
  throw new AwsError(400, 'IncorrectSpotRequestState', text);
}

/** Throws AwsError for a spot instance: https://github.com/hashicorp/terraform-provider-aws/issues/38142 shows the answer. */
export function refuseTerminationProtection(form: URLSearchParams, instances: Ec2Instances): void {
  const isSpot = instances.get(form.get('InstanceId') ?? '')?.spot !== undefined;
  if (!isSpot || !form.has('DisableApiTermination.Value')) return;
  const text = "Modifying 'disableApiTermination' is not supported for spot instances.";
  throw new AwsError(400, 'UnsupportedOperation', text);
}

export function describeSpotRequests(form: URLSearchParams, instances: Ec2Instances): Answer {
  const items = requested(form, instances).map(({ instanceId, spot }) => {
    const { id, type, interruptionBehavior } = spot;
    return (
      `<item><spotInstanceRequestId>${id}</spotInstanceRequestId><type>${type}</type><state>${stateOf(spot)}</state>` +
      `<status><code>${spot.isInterrupted ? 'instance-stopped-no-capacity' : 'fulfilled'}</code></status>` +
      // The on-demand price, which is the default limit.
      '<spotPrice>0.100000</spotPrice>' +
      `<instanceInterruptionBehavior>${interruptionBehavior}</instanceInterruptionBehavior>` +
      `<instanceId>${instanceId}</instanceId></item>`
    );
  });
  return answer('DescribeSpotInstanceRequests', items);
}

export function cancelSpotRequests(form: URLSearchParams, instances: Ec2Instances): Answer {
  const items = requested(form, instances).map(({ spot }) => {
    spot.isCancelled = true;
    return `<item><spotInstanceRequestId>${spot.id}</spotInstanceRequestId><state>cancelled</state></item>`;
  });
  return answer('CancelSpotInstanceRequests', items);
}

function requested(form: URLSearchParams, instances: Ec2Instances) {
  const ids = listIn(form, 'SpotInstanceRequestId');
  const all = instances.all().flatMap(({ instanceId, spot }) => (spot ? [{ instanceId, spot }] : []));
  const found = ids.length === 0 ? all : all.filter(({ spot }) => ids.includes(spot.id));
  if (found.length >= ids.length) return found;
  const text = `The spot instance request ID '${ids.join(', ')}' does not exist`;
  throw new AwsError(400, 'InvalidSpotInstanceRequestID.NotFound', text);
}

function stateOf({ isCancelled, isInterrupted }: SpotRequest): string {
  if (isCancelled) return 'cancelled';
  return isInterrupted ? 'open' : 'active';
}

function answer(operation: string, items: readonly string[]): Answer {
  return xmlAnswer(
    `<${operation}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>local</requestId>` +
      `<spotInstanceRequestSet>${items.join('')}</spotInstanceRequestSet></${operation}Response>`,
  );
}

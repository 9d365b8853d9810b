import { type Answer, AwsError, xmlAnswer } from '../wire/answer';
import { listIn } from '../wire/call';
import type { Machine, Machines } from './machines';

/** A persistent request behind an instance: EC2 may take the instance away, and bring it back. */
export interface SpotRequest {
  readonly id: string;
  readonly interruptionBehavior: string;
  readonly type: string;
  isCancelled: boolean;
  /** EC2 has stopped the instance: nobody else can start it. */
  isInterrupted: boolean;
}

/** The request that a RunInstances call makes beside the instance, if it asks for one. */
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

/** Throws AwsError, as EC2 does, when somebody but EC2 starts an instance that EC2 has taken away. */
export function refuseStartOfInterrupted(machines: readonly Machine[]): void {
  const taken = machines.find(({ spot }) => spot?.isInterrupted);
  if (!taken) return;
  throw new AwsError(
    400,
    'IncorrectSpotRequestState',
    `You can't start the Spot Instance '${taken.instanceId}' because the associated Spot Instance request is not in an ` +
      'appropriate state to support start.',
  );
}

/** Throws AwsError: https://github.com/hashicorp/terraform-provider-aws/issues/38142 shows the answer. */
export function refuseTerminationProtection(form: URLSearchParams, machines: Machines): void {
  const isSpot = machines.get(form.get('InstanceId') ?? '')?.spot !== undefined;
  if (!isSpot || !form.has('DisableApiTermination.Value')) return;
  throw new AwsError(
    400,
    'UnsupportedOperation',
    "Modifying 'disableApiTermination' is not supported for spot instances.",
  );
}

export function describeSpotRequests(form: URLSearchParams, machines: Machines): Answer {
  const items = requested(form, machines).map(({ instanceId, spot }) => {
    const { id, type, interruptionBehavior } = spot;
    return (
      `<item><spotInstanceRequestId>${id}</spotInstanceRequestId><type>${type}</type><state>${stateOf(spot)}</state>` +
      `<status><code>${spot.isInterrupted ? 'instance-stopped-no-capacity' : 'fulfilled'}</code></status>` +
      // The price on demand: what is not to be exceeded unless somebody says so.
      '<spotPrice>0.100000</spotPrice>' +
      `<instanceInterruptionBehavior>${interruptionBehavior}</instanceInterruptionBehavior>` +
      `<instanceId>${instanceId}</instanceId></item>`
    );
  });
  return answer('DescribeSpotInstanceRequests', items);
}

export function cancelSpotRequests(form: URLSearchParams, machines: Machines): Answer {
  const items = requested(form, machines).map(({ spot }) => {
    spot.isCancelled = true;
    return `<item><spotInstanceRequestId>${spot.id}</spotInstanceRequestId><state>cancelled</state></item>`;
  });
  return answer('CancelSpotInstanceRequests', items);
}

function requested(form: URLSearchParams, machines: Machines): (Machine & { spot: SpotRequest })[] {
  const ids = listIn(form, 'SpotInstanceRequestId');
  const all = machines.all().filter((machine): machine is Machine & { spot: SpotRequest } => !!machine.spot);
  const found = ids.length === 0 ? all : all.filter(({ spot }) => ids.includes(spot.id));
  if (found.length >= ids.length) return found;
  throw new AwsError(
    400,
    'InvalidSpotInstanceRequestID.NotFound',
    `The spot instance request ID '${ids.join(', ')}' does not exist`,
  );
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
